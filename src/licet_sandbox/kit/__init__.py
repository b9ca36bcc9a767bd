"""Helpers shared by the resources: parameters, lists, search, metadata, addresses."""
