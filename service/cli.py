"""The command line: the only one that Driftglass has. A command that fails prints one sentence and ends with 1.

Each command imports what it runs: help and a mistyped option answer at once.
"""

import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.progress import Progress, TaskID

from kernel.clock import SystemClock
from kernel.errors import ContractError, DriftglassError
from kernel.settings import CONFIG_VARIABLE, load
from service.loops import Stop

if TYPE_CHECKING:
    from service.settings import Settings
    from service.wiring import Wiring

app = typer.Typer(
    help="Driftglass watches machine-learning models in production.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]


@app.callback()
def main_options(
    config: Annotated[
        Path | None, typer.Option(help="The configuration file; driftglass.yaml here by default.")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more of what is done.")] = False,
) -> None:
    """Options of every command."""
    if config is not None:
        os.environ[CONFIG_VARIABLE] = str(config.resolve())  # the parts' own processes read it too
    level = logging.INFO if verbose else logging.WARNING
    if not verbose:  # what kafka-python tells step by step is one sentence of ours in the end
        logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
    logging.basicConfig(
        level=level, format="%(message)s", handlers=[RichHandler(console=Console(stderr=True), show_path=False)]
    )


@app.command()
def up(
    dashboard: Annotated[bool, typer.Option(help="Show the dashboard too.")] = True,
) -> None:
    """Run every part on this machine, each its own process.

    The database is brought up to date first; where it, the record log or the log is away, nothing starts.
    """
    from service import commands
    from service.up import PARTS, Supervisor

    settings = _settings()
    commands.require_free_ports(settings, dashboard=dashboard)
    commands.migrate(settings)
    commands.require_stores(settings)
    stop = _stop()
    supervisor = Supervisor([part for part in PARTS if dashboard or part != "dashboard"], {})
    try:
        typer.echo("Starting every part; the addresses follow once they listen.")
        supervisor.start()
        if supervisor.watch(stop, lambda: commands.all_listen(settings, dashboard=dashboard)):
            for line in commands.addresses(settings, dashboard=dashboard):
                typer.echo(line)
            supervisor.watch(stop)
    finally:
        supervisor.stop()


@app.command()
def demo(
    data: Annotated[Path, typer.Option(help="Folder for what the demo makes; emptied first.")] = Path("demo-data"),
    dashboard: Annotated[bool, typer.Option(help="Show the dashboard too.")] = True,
    as_json: Json = False,
) -> None:
    """Watch a real model on the 336,776 flights of 2013: replay, drift, performance, alerts, a shadow run."""
    from service.demo.run import DemoOptions, running_demo
    from service.demo.summary import left_behind, show_summary

    console = Console(stderr=as_json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the demo wherever it is, its processes with it
    with running_demo(DemoOptions(data, dashboard=dashboard and not as_json), console) as summary:
        if as_json:
            typer.echo(json.dumps(summary.as_json()))
        else:
            show_summary(console, summary)
        if dashboard and not as_json:
            for what, where in summary.addresses.items():
                console.print(f"{what:<10} {where}")
            console.print("Everything stays up until you press Ctrl-C.")
            _stop().wait_for_ever()
        else:
            for line in left_behind(data):
                console.print(line, soft_wrap=True, highlight=False)


@app.command()
def collect(
    gateway: Annotated[bool, typer.Option(help="Listen for HTTP.")] = True,
    consume: Annotated[bool, typer.Option(help="Read the log into the store.")] = True,
) -> None:
    """Take predictions, labels and events in: the gateway, and the collector behind the log."""
    from service import commands

    with ExitStack() as closing:
        commands.collect(_wiring(closing), _stop(), gateway=gateway, consume=consume)


@app.command()
def detect() -> None:
    """Measure windows as they close, and keep the record log in order."""
    from service import commands

    with ExitStack() as closing:
        commands.detect(_wiring(closing), _stop())


@app.command()
def alert() -> None:
    """Turn decisions into alerts, and tell people."""
    from service import commands

    with ExitStack() as closing:
        commands.alert(_wiring(closing), _stop())


@app.command()
def shadow(
    model: Annotated[str | None, typer.Option(help="Try a candidate on this model's recorded traffic, once.")] = None,
    candidate: Annotated[Path | None, typer.Option(help="The candidate: an ONNX file.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Replay from here, such as 2013-04-01.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Replay to here, exclusive.")] = None,
    version: Annotated[str, typer.Option(help="The champion's version; all by default.")] = "",
    as_json: Json = False,
) -> None:
    """Run candidates over recorded traffic, as shadow runs ask for it; or one, to its end, with --model and --candidate."""
    from service import commands, shadow_run

    if model is None and candidate is None:
        with ExitStack() as closing:
            commands.shadow(_wiring(closing), _stop())
        return
    if model is None or candidate is None:
        raise ContractError("", "a shadow run needs both --model and --candidate")
    asked = shadow_run.Asked(
        model, candidate, shadow_run.moment("--from", start), shadow_run.moment("--to", end), version
    )
    with ExitStack() as closing:
        (heard,) = closing.enter_context(_share_bars(f"replaying {model} through {candidate.name}"))
        found = shadow_run.run_to_its_end(_wiring(closing), asked, heard)
    _say(shadow_run.as_json(found), shadow_run.as_text(found), as_json)


@contextmanager
def _share_bars(*titles: str) -> Iterator[list[Callable[[float], None]]]:
    """Bars on the terminal, if it is one, each of which is told a share; those after the first show once they are."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        tasks = [bars.add_task(title, total=1.0, visible=title == titles[0]) for title in titles]
        yield [partial(_tell, bars, task) for task in tasks]


def _tell(bars: Progress, task: TaskID, share: float) -> None:
    bars.update(task, completed=share, visible=True)


@app.command()
def api() -> None:
    """Serve the REST API."""
    from service import commands

    with ExitStack() as closing:
        commands.api(_wiring(closing), _stop())


@app.command()
def dashboard() -> None:
    """Serve the dashboard."""
    from service import commands

    with ExitStack() as closing:
        commands.dashboard(_wiring(closing).settings)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database up to date."""
    from service import commands

    revision = commands.migrate(_settings())
    _say({"revision": revision}, f"The database is at {revision}.", as_json)


@app.command()
def apply(
    file: Annotated[Path | None, typer.Option("--file", "-f", help="The file that declares models.")] = None,
    as_json: Json = False,
) -> None:
    """Declare models as code: the `models:` list of the configuration file."""
    from service import commands
    from service.settings import Settings
    from service.wiring import Wiring

    with ExitStack() as closing:
        wiring = Wiring(load(Settings, file), SystemClock(), closing)
        names = commands.apply(wiring)
    _say({"models": names}, f"Declared: {', '.join(names) or 'no model'}.", as_json)


@app.command()
def reference(
    model: Annotated[str, typer.Argument(help="The model; a new one is registered.")],
    file: Annotated[
        Path | None, typer.Argument(help="Its rows: Parquet, CSV, or Arrow (a stream, a file, Feather).")
    ] = None,
    rolling: Annotated[str, typer.Option(help="Instead of a file: so long before each window, such as 28d.")] = "",
    lag: Annotated[str, typer.Option(help="Instead of a file: the same span so long before, such as 7d.")] = "",
    as_json: Json = False,
) -> None:
    """Hold a model against a file's rows, each with an optional label, or against earlier windows; all are measured again."""
    if sum(map(bool, (file, rolling, lag))) != 1:
        raise typer.BadParameter("name one of FILE, --rolling and --lag")
    from service import put_reference

    with ExitStack() as closing:
        if file is None:
            answer = put_reference.of_earlier_windows(_wiring(closing), model, rolling, lag)
        else:
            bars = closing.enter_context(_share_bars(f"reading {file.name}", f"counting windows of {model} again"))
            answer = put_reference.run(_wiring(closing), model, file, *bars)
    _say(answer, put_reference.as_text(model, answer), as_json)


@app.command()
def retire(
    model: Annotated[str, typer.Argument(help="The model.")],
    undo: Annotated[bool, typer.Option("--undo", help="Take it back into service.")] = False,
    as_json: Json = False,
) -> None:
    """Take a model out of service: nothing of it is deleted, nothing is measured or told any more."""
    from service import commands

    with ExitStack() as closing:
        answer = commands.retire(_wiring(closing), model, undo=undo)
    since = answer["retired"]
    text = f"{model} is retired since {since}." if since else f"{model} is in service."
    _say(answer, text, as_json)


@app.command()
def silence(
    model: Annotated[str | None, typer.Option(help="Of this model.")] = None,
    rule: Annotated[str | None, typer.Option(help="Of this rule.")] = None,
    tier: Annotated[str | None, typer.Option(help="Of this tier: P0, P1 or P2.")] = None,
    metric: Annotated[str | None, typer.Option(help="Of this metric, as the alert has it.")] = None,
    column: Annotated[str | None, typer.Option(help="Of this column; '' for the whole model.")] = None,
    version: Annotated[str | None, typer.Option(help="Of this version.")] = None,
    segment: Annotated[str | None, typer.Option(help="Of this segment; '' for all rows.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Of every alert there is.")] = False,
    length: Annotated[str, typer.Option("--for", help="How long, such as 2h; 90d at most.")] = "",
    until: Annotated[str, typer.Option(help="Instead of --for: until this RFC 3339 time.")] = "",
    start: Annotated[str, typer.Option("--from", help="From this RFC 3339 time on; now by default.")] = "",
    reason: Annotated[str, typer.Option(help="Why, for those who wonder that nobody was told.")] = "",
    by: Annotated[str, typer.Option(help="Who it is; whoever runs the command by default.")] = "",
    end: Annotated[str, typer.Option(help="Instead of all this: end the silence of this id.")] = "",
    as_json: Json = False,
) -> None:
    """Tell nobody of some alerts for a while; what still fires when it is over is told then."""
    if not end and bool(length) == bool(until):
        raise typer.BadParameter("name one of --for and --until")
    from service import silence as silencing

    named = {"model": model, "rule": rule, "tier": tier, "metric": metric}
    matchers = named | {"column": column, "version": version, "segment": segment}
    with ExitStack() as closing:
        if end:
            answer = silencing.end(_wiring(closing), end)
        else:
            asked = silencing.Asked(matchers, every, start, length, until, reason, by or getuser())
            answer = silencing.make(_wiring(closing), asked)
    _say(answer, silencing.as_text(answer), as_json)


@app.command("label-plan")
def label_plan(
    model: Annotated[str, typer.Argument(help="The model; it predicts classes, with scores.")],
    count: Annotated[int, typer.Option(min=1, max=10_000, help="Labels at most.")] = 100,
    version: Annotated[str, typer.Option(help="Of this version alone.")] = "",
    start: Annotated[str, typer.Option(help="Predictions from this RFC 3339 time on; of a week by default.")] = "",
    end: Annotated[str, typer.Option(help="Predictions before; up to the newest by default.")] = "",
    send: Annotated[bool, typer.Option(help="Put them into the topic driftglass.label-requests, too.")] = False,
    as_json: Json = False,
) -> None:
    """Choose the predictions whose labels would say most about how often a model is wrong."""
    from api.moments import read_moment

    try:
        span = [read_moment(text) if text else None for text in (start, end)]
    except ValueError as error:
        raise typer.BadParameter(f"--start and --end {error}") from error
    from api.label_planning import Asked
    from service import label_plan as planning

    with ExitStack() as closing:
        answer = planning.run(_wiring(closing), model, Asked(count, version, *span), send=send)
    _say(answer, planning.as_text(answer), as_json)


@app.command("dead-letters")
def dead_letters(
    limit: Annotated[int, typer.Option(min=1, help="Letters to show, the newest first.")] = 20, as_json: Json = False
) -> None:
    """List the records that were refused, with the reason."""
    from service import commands

    with ExitStack() as closing:
        letters = commands.dead_letters(_wiring(closing), limit)
    lines = [
        f"{x['source']} offset {x['offset']} row {x['row']}: {x['field']} {x['reason']}" for x in letters["letters"]
    ]
    _say(letters, "\n".join([f"{letters['count']} dead letters.", *lines]), as_json)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Look whether everything that the settings name is there."""
    from service import commands

    findings = commands.doctor(_settings())
    lines = [f"{'ok ' if f['ok'] else 'BAD'} {f['what']}: {f['detail']}" for f in findings]
    _say({"findings": findings}, "\n".join(lines), as_json)
    if not all(f["ok"] for f in findings):
        raise typer.Exit(1)


def _settings() -> "Settings":
    from service.settings import Settings

    return load(Settings)


def _wiring(closing: ExitStack) -> "Wiring":
    from service.wiring import Wiring

    return Wiring(_settings(), SystemClock(), closing)


def _stop() -> Stop:
    stop = Stop()
    stop.listen()
    return stop


def _say(answer: dict[str, Any], text: str, as_json: bool) -> None:
    typer.echo(json.dumps(answer) if as_json else text)


def main() -> None:
    """Run a command; what is wrong is one sentence, never a traceback."""
    try:
        app()
    except DriftglassError as error:
        typer.echo(f"driftglass: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
