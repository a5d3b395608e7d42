#!/usr/bin/env bash
# Installs the services that the tests run against, and the peers whose numbers they compare with. Where CI=true a failure
# ends it; elsewhere it is said, and the tests that need the service are skipped and listed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

for service in kafka postgres chromium peers; do
    if ! "$root/scripts/services/$service.sh"; then
        [[ "${CI:-}" == true ]] && fail "The tests need $service."
        say "Going on without $service: the tests that need it are left out."
    fi
done
