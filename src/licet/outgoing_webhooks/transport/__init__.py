"""Sending a delivery: allowed targets, connections, signatures."""
