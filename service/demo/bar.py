"""The demo's one line of progress."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A bar between what is done (22 characters) and how far it is (the field `reached`); it takes the room they leave."""
    columns = (
        TextColumn("{task.description:<22}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[reached]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, expand=True) as bar:
        yield bar
