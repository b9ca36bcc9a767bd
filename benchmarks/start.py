"""How long `licet up` takes on an existing data directory, beside the import of its libraries alone.

python benchmarks/start.py [turns]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IMPORTS = "import licet.cli.up, licet.node.up, licet.node.serving, licet_sandbox.sandbox, licet.stripe_api.sdk"


def importing() -> float:
    """Seconds to import what `up` imports."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - began


def starting(data_dir: Path) -> float:
    """Seconds from `exec` to the line that says it is ready."""
    licet = str(Path(sys.executable).with_name("licet"))
    argv = [licet, "up", "--port", "0", "--sandbox-port", "0", "--data-dir", str(data_dir), "--json"]
    began = time.perf_counter()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        took = time.perf_counter() - began
        process.terminate()
    return took


def main(turns: int) -> None:
    """Takes turns, so that a busy moment falls on both."""
    with tempfile.TemporaryDirectory() as place:
        data_dir = Path(place, "data")
        print(f"first start, empty directory: {starting(data_dir):.2f} s")
        pairs = [(importing(), starting(data_dir)) for _ in range(turns)]
    imports, starts = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"imports {imports:.2f} s, ready after {starts:.2f} s, {starts / imports:.2f} times as long ({turns} turns)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
