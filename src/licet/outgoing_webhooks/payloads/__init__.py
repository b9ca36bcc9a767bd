"""The body of each outgoing event: its schema, and the rows that it is rendered from."""
