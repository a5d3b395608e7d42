"""The call site's figures (bench.call_site) under one name each."""

from bench.call_site import measure
from bench.probe import report

NAMES = {
    "clock": "clock",
    "bare deque.append(tuple)": "deque",
    "log_prediction": "client",
    "OpenTelemetry histogram.record": "opentelemetry",
}

found = {NAMES[row["peer"]]: row for row in measure()}
report({f"{name}_{figure}": row[figure] for name, row in found.items() for figure in ("median_ns", "p99_ns")})
