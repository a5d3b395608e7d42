#!/usr/bin/env bash
# Installs Debian's PostgreSQL where no server binary is found.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

[[ -n "${DRIFTGLASS_TEST_POSTGRES:-}" ]] && exit 0
compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null && exit 0

# The tests start servers of their own: Debian's package need not leave one running on port 5432.
no_cluster=/etc/postgresql-common/createcluster.d/driftglass-tests.conf
as_root mkdir -p "$(dirname "$no_cluster")"
echo "create_main_cluster = false" | as_root tee "$no_cluster" >/dev/null
trap 'as_root rm -f "$no_cluster"' EXIT
apt_install postgresql
