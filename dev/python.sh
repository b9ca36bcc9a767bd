#!/bin/sh
# Says which Python to use: $PYTHON, else the first of the usual names that is new enough.
set -eu
for candidate in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        "$candidate" -c 'import sys; print(sys.executable)'
        exit
    fi
done
echo "Python 3.11 or later is needed; ${PYTHON:-python3} is older or missing. Install one, or name it: make PYTHON=..." >&2
exit 1
