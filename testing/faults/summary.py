"""What the scenarios counted, told at the end of the run; it travels with the tests' reports."""

from dataclasses import asdict

import pytest

from testing.faults.tally import Entry, table, total

_PROPERTY = "counted"


def keep_for_summary(test: pytest.Item, entry: Entry) -> None:
    """Send what a scenario counted along with the report of its end."""
    test.user_properties.append((_PROPERTY, asdict(entry)))


def summarise_faults(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table, where a scenario ran."""
    reports = (report for reports in terminalreporter.stats.values() for report in reports)
    ends = (report for report in reports if getattr(report, "when", "") == "teardown")
    entries = [Entry(**kept) for report in ends for name, kept in report.user_properties if name == _PROPERTY]
    if entries:
        terminalreporter.section("faults")
        for line in table([*entries, total(entries)]):
            terminalreporter.write_line(line)
