"""API resource: invoice previews."""
