#!/bin/sh
# Sees to it that the tests find a program: dev/debian.sh PACKAGE WHAT-FOR VARIABLE COMMAND...
# Any of the commands will do, or the one that VARIABLE names. Installs Debian's package where this user may; asks nothing.
set -eu
package=$1 what_for=$2 variable=$3
shift 3
eval "named=\${$variable:-}"
for candidate in ${named:-"$@"}; do
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
if [ "$as_root" != no ] && [ -z "$named" ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing $package for $what_for" >&2
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    # shellcheck disable=SC2086 # no words at all where nothing is needed
    if { $as_root apt-get -q update && $as_root apt-get -q install -y --no-install-recommends "$package"; } \
        >"$log" 2>&1 </dev/null; then
        rm -f "$log"
        exit
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
fi
echo "$what_for need $1. Install it (on Debian: apt-get install $package)," >&2
echo "or name one: make test $variable=/path/to/it" >&2
exit 1
