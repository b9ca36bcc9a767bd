"""API resource: subscription schedules."""
