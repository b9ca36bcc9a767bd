"""The log on a terminal: no request can write escape sequences into it."""

import subprocess
import sys

PROGRAM = r"""
import logging, structlog
from licet.config import Settings
from licet.node.logs import set_up_logs
set_up_logs(Settings(log_format="console"))
structlog.get_logger("licet.http").info("request", path="/x\x1b[2J\nforged\x9b31m")
logging.getLogger("others").warning("from %s", "others\x1b]0;title\x07")
try:
    raise ValueError("broken\x1b[2J")
except ValueError:
    structlog.get_logger("licet.http").exception("request_failed")
"""


def test_a_path_an_error_and_another_library_with_escape_sequences() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert "\\x1b[2J\\nforged\\x9b31m" in ran.stderr
    assert "others\\x1b]0;title\\x07" in ran.stderr
    assert "ValueError: broken\\x1b[2J" in ran.stderr
    assert "Traceback (most recent call last):\n" in ran.stderr
    # The renderer's own colours aside.
    for sequence in ("\x1b[2J", "\x1b]", "\x07", "\x9b", "\nforged"):
        assert sequence not in ran.stderr
