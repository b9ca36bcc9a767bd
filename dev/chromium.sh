#!/bin/sh
# Sees to it that there is a Chromium for the browser tests. Installs Debian's where this user may; asks nothing.
set -eu
for candidate in ${CHROMIUM:-chromium chromium-browser google-chrome}; do
    if command -v "$candidate" >/dev/null 2>&1; then
        exit
    fi
done

if [ "$(id -u)" = 0 ]; then
    as_root=
elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
    as_root="sudo -n"
else
    as_root=no
fi
if [ "$as_root" != no ] && [ -z "${CHROMIUM:-}" ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing Chromium for the browser tests" >&2
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086 # no words at all where nothing is needed
    if { $as_root apt-get -q update && $as_root apt-get -q install -y --no-install-recommends chromium; } \
        >"$log" 2>&1 </dev/null; then
        rm -f "$log"
        exit
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
fi
echo "The browser tests need Chromium. Install it (on Debian: apt-get install chromium)," >&2
echo "or name one: make test CHROMIUM=/path/to/chromium" >&2
exit 1
