#!/usr/bin/env bash
# Installs Debian's Chromium where none is found.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

[[ -n "${DRIFTGLASS_TEST_CHROMIUM:-}" ]] && exit 0
command -v chromium >/dev/null && exit 0
apt_install chromium
