"""The vendor's identity provider: the one door to it. Its keys, and what its tokens say of who is calling."""
