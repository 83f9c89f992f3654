#!/usr/bin/env bash
# smoke.sh IMAGE: it starts as restricted as it is meant to run, answers, and ends in order.
set -euo pipefail
docker run --detach --name memc-kv --read-only --cap-drop ALL --memory 256m \
  --security-opt no-new-privileges --publish 127.0.0.1:6001:6001 "$1" -m 64 -t 2
for _ in 1 2 3 4 5 6 7 8 9 10; do
  docker exec memc-kv node dist/healthcheck.js && break
  sleep 1
done
docker exec memc-kv node dist/healthcheck.js
reply=$(printf 'set k 0 0 5\r\nhello\r\nget k\r\nquit\r\n' | nc -w 5 127.0.0.1 6001)
grep -q STORED <<<"$reply"
grep -q hello <<<"$reply"
docker stop --time 10 memc-kv
test "$(docker inspect --format '{{.State.ExitCode}}' memc-kv)" = 0
docker rm memc-kv
