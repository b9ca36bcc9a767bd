"""What every path has in common: the one error shape, request ids, limits, JSON as we read and write it."""
