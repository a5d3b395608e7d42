"""The console: what a person sees in the terminal that runs Driftglass."""

from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from alerting.message import Message, show
from alerting.notifiers.contract import NotifierSection

_COLOURS = {"P0": "bold red", "P1": "yellow", "P2": "cyan"}


class ConsoleSettings(NotifierSection):
    """The terminal."""

    kind: Literal["console"] = "console"


class ConsoleNotifier:
    """Prints messages.

    Args:
        console: where to; standard error by default, because standard output belongs to commands' results.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def send(self, message: Message) -> None:
        """Print one message; a terminal neither refuses nor asks to wait."""
        colour = "green" if message.happening == "resolved" else _COLOURS[message.tier]
        headline = f"{message.tier} {message.happening}: {escape(message.title)}"
        self._console.print(f"[{colour}]{headline}[/{colour}] {escape(message.link)}", soft_wrap=True, highlight=False)
        if message.happening != "resolved":
            self._console.print(_table(message))


def _table(message: Message) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("what", "metric", "value", "expected", "window", "also"):
        table.add_column(heading)
    for finding in message.findings:
        row = (
            finding.subject or message.model,
            finding.metric,
            show(finding.value),
            show(finding.expected),
            finding.window,
            finding.also,
        )
        table.add_row(*map(escape, row))
    return table
