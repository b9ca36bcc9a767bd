"""One module per resource of the API: what its operations do."""
