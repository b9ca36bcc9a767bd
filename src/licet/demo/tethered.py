"""`python -m licet`, but it ends with whoever started it, however that came about.

Its standard input is a pipe that nobody writes to. The kernel closes the other end with the process that holds it, also
when that is killed and can end nothing itself.
"""

import os
import runpy
import signal
import threading


def _end_when_alone() -> None:
    while os.read(0, 1):  # sys.stdin would be locked while it reads, and at exit Python waits for such a lock
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_when_alone, daemon=True).start()
    runpy.run_module("licet", run_name="__main__", alter_sys=True)
