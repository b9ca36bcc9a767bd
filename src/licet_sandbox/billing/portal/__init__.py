"""The customer portal: configurations, sessions, plan changes, pauses."""
