#!/bin/sh
# A browser for the browser tests.
exec "$(dirname "$0")/debian.sh" chromium "the browser tests" CHROMIUM chromium chromium-browser google-chrome
