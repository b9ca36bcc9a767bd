"""Money that goes back: refunds, disputes and their balance transactions."""
