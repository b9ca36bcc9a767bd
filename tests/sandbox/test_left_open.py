"""What is left open is an error at the end, and nothing that anybody waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.patience import PATIENCE_SECONDS

TREE = Path(__file__).parents[2]


def end_of(main: str, loop: str) -> subprocess.CompletedProcess[str]:
    """Run this in a loop that is closed behind it, warnings being errors. TimeoutExpired where it hangs."""
    code = f"""
import asyncio, uvloop
from tests.conftest import Loop
from licet_sandbox import Sandbox
async def main():
    {main}
with asyncio.Runner(loop_factory={loop}) as runner:
    runner.run(main())
"""
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", code]
    return subprocess.run(command, cwd=TREE, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)


def test_a_sandbox_that_nobody_stopped() -> None:
    ended = end_of("await Sandbox().serve()", "uvloop.new_event_loop")
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_server_that_nobody_closed() -> None:
    ended = end_of("await asyncio.get_running_loop().create_server(asyncio.Protocol, '127.0.0.1', 0)", "Loop")
    assert ended.returncode == 1
    assert "ResourceWarning: unclosed resource <TCPServer" in ended.stderr


def test_nothing_left_open() -> None:
    ended = end_of("running = await Sandbox().serve(); await running.stop()", "Loop")
    assert (ended.returncode, ended.stderr) == (0, "")
