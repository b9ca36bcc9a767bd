"""Who sells here: the one account of the sandbox."""

NAME = "Sandbox"
