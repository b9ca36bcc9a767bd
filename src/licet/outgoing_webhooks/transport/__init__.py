"""Sends a delivery: allowed targets, connections, signatures."""
