"""A running Licet: the parts that `licet up` starts in one process, and the order of start and stop."""
