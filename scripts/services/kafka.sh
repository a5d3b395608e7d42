#!/usr/bin/env bash
# Puts the jars of Apache Kafka, a formatted storage folder and an archive of its classes into .services/kafka, unless they are
# there already.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
source "$here/../lib.sh"
target="$root/.services/kafka"

fetch() {
    local fresh
    command -v mvn >/dev/null || fail "mvn is missing: install Maven (Debian: maven)."
    say "Fetching Apache Kafka with Maven"
    mkdir -p "$root/.services"
    fresh="$(mktemp -d "$root/.services/kafka.XXXXXX")"
    trap "rm -rf '$fresh'" EXIT
    mvn --batch-mode --quiet -Dstyle.color=never --file "$here/kafka/pom.xml" dependency:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$fresh/lib" </dev/null ||
        fail "Maven could not fetch Apache Kafka: see its message above."
    (cd "$fresh" && java -cp "lib/*" kafka.tools.StorageTool format --cluster-id AAAAAAAAAAAAAAAAAAAAAQ \
        --config "$here/kafka/server.properties" >format.log 2>&1) ||
        fail "Kafka could not format its storage: $(tail -n 1 "$fresh/format.log")"
    cat "$here/kafka/pom.xml" "$here/kafka/server.properties" >"$fresh/made-from"
    rm -rf "$target"
    mv "$fresh" "$target"
}

# Runs a broker once, to keep the classes that it loads as the JVM wants them; a start with them costs little more than half.
archive() {
    local folder ports broker status
    say "Archiving the classes of a broker"
    folder="$(mktemp -d)"
    trap "rm -rf '$folder'" EXIT
    cp -r "$target/formatted" "$folder/data"
    mapfile -t ports < <(shuf -i 20000-31999 -n 2)
    java -XX:+UseSerialGC -XX:ArchiveClassesAtExit="$folder/classes.jsa" -cp "$target/lib/*" \
        -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        kafka.Kafka "$here/kafka/server.properties" --override log.dirs="$folder/data" \
        --override listeners="PLAINTEXT://127.0.0.1:${ports[0]},CONTROLLER://127.0.0.1:${ports[1]}" \
        --override controller.quorum.voters="1@127.0.0.1:${ports[1]}" >"$folder/log" 2>&1 &
    broker=$!
    for _ in {1..300}; do
        grep -qs "Kafka Server started" "$folder/log" && break
        kill -0 "$broker" 2>/dev/null || break
        sleep 0.2
    done
    kill -TERM "$broker" 2>/dev/null || true
    wait "$broker" && status=0 || status=$?
    # Only whole, as of a broker that stopped when it was asked to: half an archive crashes whoever starts with it.
    { ((status == 143)) && mv "$folder/classes.jsa" "$target/classes.fresh" && mv "$target/classes.fresh" "$target/classes.jsa"; } ||
        say "Going on without: brokers start, but more slowly."
}

[[ -n "${DRIFTGLASS_TEST_KAFKA:-}" ]] && exit 0
fetched=false
cat "$here/kafka/pom.xml" "$here/kafka/server.properties" | cmp -s - "$target/made-from" && fetched=true
$fetched && [[ -f "$target/classes.jsa" ]] && exit 0

command -v java >/dev/null || fail "java is missing: install a JDK of version 17 or later (Debian: default-jdk)."
java_version="$(java -version 2>&1 | sed -nE 's/.* version "([0-9]+).*/\1/p' | head -n 1)"
((${java_version:-0} >= 17)) || fail "java is version ${java_version:-unknown}: Kafka needs a JDK of version 17 or later."

$fetched || fetch
archive
