#!/bin/sh
# A virtual environment ($1) with exactly what requirements.lock names, hashes checked, and this checkout on top.
set -eu
cd "$(dirname "$0")/.."
venv=$1
uv=$(dev/uv.sh)
python=$(dev/python.sh)

if ! "$venv/bin/python" -c 1 2>/dev/null; then
    "$uv" venv --quiet --clear --python "$python" "$venv"
fi
echo "Installing the locked dependencies into $venv" >&2
"$uv" pip sync --quiet --require-hashes --python "$venv/bin/python" requirements.lock
# The build backend is locked as well, so nothing unlocked is fetched to build this.
"$uv" pip install --quiet --no-deps --no-build-isolation --python "$venv/bin/python" --editable .
