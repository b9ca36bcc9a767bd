"""Products, prices, license policies: what is sold, and what its licenses are."""
