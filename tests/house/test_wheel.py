"""The wheel, as somebody installs it who has never seen this tree."""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.running import ANY_PORTS, end_database, environment, start

TREE = Path(__file__).parents[2]


def uv(*words: str) -> None:
    """Runs uv: from what it has fetched before where that suffices, so that the test needs no network then."""
    program = subprocess.run(
        [str(TREE / "dev" / "uv.sh")], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    for network in (["--offline"], []):
        done = subprocess.run([program, *words, *network], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
    raise AssertionError(done.stderr)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A directory outside the tree, of mode 0700: PostgreSQL's own programs end up in it too."""
    directory = Path(tempfile.mkdtemp(prefix="licet-wheel-"))
    yield directory
    end_database(directory / "data")
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def wheel(place: Path) -> Path:
    """Built from the source archive, so that this one is complete too."""
    uv("build", "--quiet", "--no-build-isolation", "--python", sys.executable, "--out-dir", str(place), str(TREE))
    (built,) = place.glob("*.whl")
    return built


def test_what_is_no_python_travels_along(wheel: Path) -> None:
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = [
        path.relative_to(TREE / "src").as_posix()
        for package in ("licet", "licet_sandbox")
        for path in (TREE / "src" / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    assert [path for path in wanted if path not in inside] == []
    for ending in ("0001_spine.sql", ".html", ".css", "example.yaml", "py.typed"):
        assert [path for path in inside if path.endswith(ending)], ending


def test_installed_elsewhere_it_serves(wheel: Path, place: Path) -> None:
    venv = place / "venv"
    python = venv / "bin" / "python"
    uv("venv", "--quiet", "--python", sys.executable, str(venv))
    uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(python), str(TREE / "requirements.lock"))
    uv("pip", "install", "--quiet", "--no-deps", "--python", str(python), str(wheel))
    found = [str(python), "-c", "import licet, licet_sandbox; print(licet.__file__, licet_sandbox.__file__)"]
    where = subprocess.run(found, cwd=place, env=environment(), capture_output=True, text=True, check=True).stdout
    assert where.count(str(venv)) == 2

    argv = [str(venv / "bin" / "licet"), "up", "--data-dir", str(place / "data"), *ANY_PORTS]
    licet = start(argv, place, environment())
    try:
        assert licet.get("/healthz").status_code == 200
        assert licet.get("/readyz").status_code == 200
        assert "SwaggerUIBundle" in licet.get("/docs/swagger-ui-bundle.js").text
        products = licet.get("/api/products").json()["data"]
        assert "Shopify Connector" in [product["name"] for product in products]
        assert licet.end() == 0
    finally:
        licet.process.kill()
        licet.process.communicate()
