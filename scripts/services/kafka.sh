#!/usr/bin/env bash
# Puts the jars of Apache Kafka and a formatted storage folder into .services/kafka, unless they are there already.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/../lib.sh"
target="$root/.services/kafka"

[[ -n "${DRIFTGLASS_TEST_KAFKA:-}" ]] && exit 0
cat "$here/kafka/pom.xml" "$here/kafka/server.properties" | cmp -s - "$target/made-from" && exit 0

command -v java >/dev/null || fail "java is missing: install a JDK of version 17 or later (Debian: default-jdk)."
java_version="$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -n 1)"
((${java_version:-0} >= 17)) || fail "java is version ${java_version:-unknown}: Kafka needs a JDK of version 17 or later."
command -v mvn >/dev/null || fail "mvn is missing: install Maven (Debian: maven)."

say "Fetching Apache Kafka with Maven"
mkdir -p "$root/.services"
fresh="$(mktemp -d "$root/.services/kafka.XXXXXX")"
trap 'rm -rf "$fresh"' EXIT
mvn --batch-mode --quiet -Dstyle.color=never --file "$here/kafka/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$fresh/lib" </dev/null ||
    fail "Maven could not fetch Apache Kafka: see its message above."
(cd "$fresh" && java -cp "lib/*" kafka.tools.StorageTool format --cluster-id AAAAAAAAAAAAAAAAAAAAAQ \
    --config "$here/kafka/server.properties" >format.log 2>&1) ||
    fail "Kafka could not format its storage: $(tail -n 1 "$fresh/format.log")"
cat "$here/kafka/pom.xml" "$here/kafka/server.properties" >"$fresh/made-from"
rm -rf "$target"
mv "$fresh" "$target"
