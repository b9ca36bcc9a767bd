"""What customers may change: cancel, resume, change plan, payment methods, customer portal."""
