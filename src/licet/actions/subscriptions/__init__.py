"""Changes to one subscription: cancel, resume, pay an invoice, subscription schedules."""
