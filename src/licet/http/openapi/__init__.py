"""The OpenAPI document and what is added to it by hand."""
