"""With what customers pay."""
