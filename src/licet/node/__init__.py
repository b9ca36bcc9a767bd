"""A running Licet: what `licet up` puts together in one process, in the order in which it starts and stops."""
