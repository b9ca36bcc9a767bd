#!/bin/sh
# Says where uv is, and puts it into .tools/ first where the machine has none. All talk goes to stderr.
set -eu
cd "$(dirname "$0")/.."

if [ -n "${UV:-}" ]; then
    echo "$UV"
    exit
fi
if command -v uv; then
    exit
fi
uv="$PWD/.tools/uv/bin/uv"
if "$uv" --version >/dev/null 2>&1; then
    echo "$uv"
    exit
fi

python=$(dev/python.sh)
rm -rf .tools/uv
echo "Fetching uv into .tools/" >&2
if "$python" -m venv .tools/uv >/dev/null 2>&1; then
    .tools/uv/bin/python -m pip install --quiet --disable-pip-version-check uv >&2
elif rm -rf .tools/uv && "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip install --quiet --disable-pip-version-check --target .tools/uv uv >&2
else
    echo "uv is missing, and this Python can neither make a virtual environment nor run pip." >&2
    echo "Install one of them and start again: apt-get install python3-venv, or uv itself." >&2
    exit 1
fi
"$uv" --version >/dev/null
echo "$uv"
