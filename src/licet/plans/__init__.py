"""Plans: what an organisation is subscribed to, what else it may choose, and what a change of plans is."""
