#!/usr/bin/env bash
# Runs uv: the one on PATH where it works, else one of our own in .uv.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if uv --version >/dev/null 2>&1; then
    exec uv "$@"
fi
if ! "$root/.uv/bin/uv" --version >/dev/null 2>&1; then
    command -v python3 >/dev/null || fail "python3 is missing: install Python 3.11 or later (Debian: python3)."
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "python3 is older than 3.11: install a newer one."
    python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    say "Installing uv into .uv"
    python3 -m venv --clear "$root/.uv"
    "$root/.uv/bin/pip" install --quiet --disable-pip-version-check uv ||
        fail "pip could not install uv: see its message above."
fi
exec "$root/.uv/bin/uv" "$@"
