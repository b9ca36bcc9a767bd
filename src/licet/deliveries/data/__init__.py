"""What an event's `data` says, one module per kind of thing: its shape, and what it is read from when it is sent."""
