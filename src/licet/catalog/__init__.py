"""The catalogue: products, prices and license policies."""
