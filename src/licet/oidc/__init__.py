"""The vendor's identity provider (OpenID Connect): reads its keys and verifies its tokens."""
