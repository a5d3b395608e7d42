#!/usr/bin/env bash
# Makes the environments of the peers whose numbers the tests compare ours with, and which the benchmarks run: see testing/peers.py.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

cd "$root"
"$root/scripts/uv.sh" run --quiet --no-project --python 3.11 python -m testing.peers
