"""The seller: the sandbox's one account."""

SELLER_NAME = "Sandbox"
