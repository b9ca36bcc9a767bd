"""What the resources share: the parameters of a request, lists, metadata and addresses."""
