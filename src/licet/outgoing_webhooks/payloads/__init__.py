"""The data of each outgoing event: its schema, and the rows it is read from."""
