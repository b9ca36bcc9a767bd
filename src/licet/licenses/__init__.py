"""Licenses: keys, units, and the state that follows from facts."""
