#!/bin/sh
# A Redis, or a Valkey, that the tests of several nodes start for themselves.
exec "$(dirname "$0")/debian.sh" redis-server "the tests of several nodes" REDIS_SERVER valkey-server redis-server
