"""What the demo found, read over the REST API as anybody could, and told to people."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table

from service.demo.config import Ports
from service.demo.flights import MODEL
from service.demo.paths import DemoPaths

_PAGE = 1_000
_FIXED_WIDTH, _COLUMN_WIDTH = 44, 15  # characters, of the month table
_PERFORMANCE = ("accuracy", "roc_auc")


@dataclass(frozen=True, slots=True)
class Summary:
    """The findings.

    Attributes:
        months: by month ("2013-02"): every metric of it, drift metrics by column.
        alerts: those that fired, oldest first.
        shadow: the candidate's run.
        seconds: how long the demo took.
        addresses: where its parts listen, while they run.
    """

    predictions: int
    labels: int
    months: dict[str, dict[str, Any]]
    alerts: list[dict[str, Any]]
    retraining_requests: int
    dead_letters: int
    shadow: dict[str, Any]
    seconds: float
    addresses: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """For `--json`: less the addresses, where nothing listens any more when it is read."""
        return {name: value for name, value in asdict(self).items() if name != "addresses"}


def read_summary(
    http: httpx.Client, ports: Ports, *, predictions: int, labels: int, run: str, seconds: float
) -> Summary:
    """Read the findings.

    Args:
        http: a client on the API's base URL.
        run: the shadow run's id.
    """
    alerts = [a for a in _pages(http, "/v1/alerts") if a["fired"]]
    return Summary(
        predictions=predictions,
        labels=labels,
        months=_months(measurements(http, window="1mo")),
        alerts=sorted(alerts, key=lambda a: (a["first_window"], a["rule"], a["column"] or "")),
        retraining_requests=len(_get(http, "/v1/retraining-requests", model=MODEL, limit=_PAGE)["items"]),
        dead_letters=_get(http, "/v1/dead-letters", limit=1)["count"],
        shadow=_get(http, f"/v1/shadow-runs/{run}"),
        seconds=round(seconds, 1),
        addresses={"dashboard": ports.dashboard_url, "api": f"{ports.api_url}/docs", "gateway": ports.gateway_url},
    )


def measurements(http: httpx.Client, **filters: str) -> Iterator[dict[str, Any]]:
    """Every measurement of the demo's model."""
    return _pages(http, "/v1/measurements", **filters)


def _pages(http: httpx.Client, path: str, **filters: str) -> Iterator[dict[str, Any]]:
    cursor: str | None = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        page = _get(http, path, model=MODEL, limit=_PAGE, **filters, **more)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def _get(http: httpx.Client, path: str, **query: Any) -> Any:
    answer = http.get(path, params=query)
    answer.raise_for_status()
    return answer.json()


def _months(found: Iterator[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    months: dict[str, dict[str, Any]] = {}
    for item in found:
        month = months.setdefault(item["window_start"][:7], {})
        value = None if item["status"] == "insufficient" else item["value"]
        if item["column"] is None:
            month[item["metric"]] = value
        else:
            month.setdefault(item["metric"], {})[item["column"]] = value
    return dict(sorted(months.items()))


def show_summary(console: Console, summary: Summary) -> None:
    """Print the findings."""
    console.print(_month_table(summary.months, max(2, (console.width - _FIXED_WIDTH) // _COLUMN_WIDTH)))
    console.print(_alert_table(summary.alerts))
    shadow = summary.shadow
    reasons = "\n".join(f"- {reason}" for reason in shadow["reasons"])
    console.print(
        Panel(f"[bold]{shadow['verdict']}[/bold]\n{reasons}", title="shadow run of version 2 on April to December")
    )
    console.print(
        f"{summary.predictions:,} predictions and {summary.labels:,} labels in {summary.seconds:.0f} s; "
        f"{summary.retraining_requests} retraining requests, {summary.dead_letters} dead letters."
    )


def left_behind(data: Path) -> tuple[str, ...]:
    """Where the demo's results and logs lie, and how to look at them.

    >>> left_behind(Path("demo-data"))[1]
    'Look at them on the dashboard: driftglass --config demo-data/driftglass.yaml up'
    """
    paths = DemoPaths(data)
    return (
        f"The results lie in {paths.data}, what each part said in {paths.logs}.",
        f"Look at them on the dashboard: driftglass --config {paths.config} up",
    )


def _month_table(months: dict[str, dict[str, Any]], most: int) -> RenderableType:
    columns = sorted({c for m in months.values() for c in m.get("psi", {})}, key=_by_worst(months))[:most]
    table = Table(title="flight-delay by month: performance, and PSI of what moved most against January")
    for name in ("month", "rows", *_PERFORMANCE, *columns):
        table.add_column(name, justify="left" if name == "month" else "right")
    for name, month in months.items():
        performance = [_number(month.get(metric)) for metric in _PERFORMANCE]
        drift = [_number(month.get("psi", {}).get(column)) for column in columns]
        table.add_row(name, f"{month['rows']:,.0f}", *performance, *drift)
    return table


def _by_worst(months: dict[str, dict[str, Any]]) -> Any:
    return lambda column: -max(m.get("psi", {}).get(column) or 0.0 for m in months.values())


def _alert_table(alerts: Sequence[dict[str, Any]]) -> RenderableType:
    table = Table(title=f"alerts that fired: {len(alerts)}")
    for name in ("tier", "state", "from", "to", "what"):
        table.add_column(name)
    for alert in alerts:
        first, last = alert["first_window"][:10], alert["last_window"][:10]
        table.add_row(alert["tier"], alert["state"], first, last, alert["summary"])
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
