"""The command `licet`. One module a group of commands; each imports what it needs when it runs, so `--help` is quick.

Exit codes: 0 done; 1 failed; 2 called wrongly; 3 refused to start, with the reason on stderr; 130 interrupted.
"""

from licet.cli.main import main

__all__ = ["main"]
