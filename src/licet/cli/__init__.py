"""The command `licet`, one module per group of commands.

A command imports what it needs when it runs, so that `--help` is fast.
Exit codes: 0 success; 1 failure; 2 usage error; 3 could not start, with the reason on stderr; 130 interrupted.
"""

from licet.cli.main import main

__all__ = ["main"]
