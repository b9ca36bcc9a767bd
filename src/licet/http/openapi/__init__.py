"""The OpenAPI document, and what is added to FastAPI's."""
