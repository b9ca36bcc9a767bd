"""What renews."""
