"""Outgoing events: recorded in the transaction of the change that they report."""
