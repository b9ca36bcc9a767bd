"""The payment methods that customers pay with."""
