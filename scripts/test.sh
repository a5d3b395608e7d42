#!/usr/bin/env bash
# Runs all the tests but the long ones, or with arguments what they choose.
#
# They run as two: in front those that wait for other processes, which must not be starved; beside them, on what
# these leave of the cores, those that only compute, in two processes. What the second said is shown when both are done.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$root"
pytest=(.venv/bin/pytest)

(($#)) && exec "${pytest[@]}" "$@"

in_front="kafka or postgres or chromium or waits"
said="$(mktemp)"
# A session of its own: where the kernel shares the cores between sessions, the session's own niceness counts.
# One thread of algebra: several wait for one another, and on busy cores take many times as long.
OMP_NUM_THREADS=1 setsid nice -n 10 bash -c '{ echo 10 > /proc/self/autogroup; } 2>/dev/null || true; exec "$@"' - \
    "${pytest[@]}" -n 2 --dist loadfile -m "not long and not ($in_front)" >"$said" 2>&1 &
beside=$!
trap 'kill -- -"$beside" 2>/dev/null || true; rm -f "$said"' EXIT

failed=0
"${pytest[@]}" -m "not long and ($in_front)" || failed=$?
wait "$beside" || failed=$?
cat "$said"
exit "$failed"
