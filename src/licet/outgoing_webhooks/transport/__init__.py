"""How a delivery leaves: allowed targets, connections, signatures."""
