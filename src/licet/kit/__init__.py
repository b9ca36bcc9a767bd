"""Ids, times, pages: no I/O, and no knowledge of any feature."""
