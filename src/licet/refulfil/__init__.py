"""Settles purchases without an event: after a catalogue change, or when a license changes by time."""
