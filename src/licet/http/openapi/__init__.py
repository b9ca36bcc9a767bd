"""Builds the OpenAPI document: FastAPI's, with errors, headers, examples and webhooks added."""
