"""pytest hooks that keep a skipped test in sight: a failure where CI=true, a list at the end elsewhere."""

import os
from collections import Counter
from collections.abc import Generator

import pytest

SECTION = "left out"


def in_ci() -> bool:
    """Say whether this run is one where nothing may be skipped."""
    return os.environ.get("CI", "").lower() == "true"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where CI=true."""
    report = yield
    _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn the skip of a whole module into a failure where CI=true."""
    report = yield
    _refuse_skip(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was left out, and why."""
    reasons = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    if reasons:
        terminalreporter.section(SECTION)
    for reason, tests in reasons.most_common():
        terminalreporter.write_line(f"{tests} x {reason}")


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    # An expected failure is reported as skipped too; it ran.
    if in_ci() and report.skipped and not hasattr(report, "wasxfail"):
        report.longrepr = f"{_reason(report)} (where CI=true nothing is skipped)"
        report.outcome = "failed"


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    # The documented form of a skip's longrepr is (path, line, reason).
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
