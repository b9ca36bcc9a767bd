"""Changes to one subscription: cancel, resume, pay an invoice, schedules, and the lock around them."""
