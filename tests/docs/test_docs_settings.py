"""The pages say what the settings, the client and the command line are."""

import dataclasses
import re

from typer.main import get_command

from alerting.rules import Rule
from driftglass_client import LOSSES, ClientSettings
from kernel.settings import load
from service import settings_page
from service.cli import app
from service.settings import Settings


def test_the_settings_page_is_what_the_tree_says(docs) -> None:
    assert docs.page("settings.md").text == settings_page.render(), (
        "docs/settings.md is behind the settings; write it again: python -m service.settings_page > docs/settings.md"
    )


def test_a_variable_of_the_settings_page_sets_its_setting(docs, no_variables, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert "| `DRIFTGLASS_LOG__KAFKA__BOOTSTRAP` |" in docs.page("settings.md").text
    monkeypatch.setenv("DRIFTGLASS_LOG__KAFKA__BOOTSTRAP", "elsewhere:9092")
    settings = load(Settings)
    assert (settings.log.kafka.bootstrap, settings.log.kafka.group) == ("elsewhere:9092", "driftglass")


def test_every_command_is_named(docs) -> None:
    text = "\n".join(page.text for page in docs.pages)
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    assert len(names) >= 12
    assert [name for name in names if f"driftglass {name}" not in text] == []


def test_the_options_that_the_pages_and_the_dashboard_name_exist(docs) -> None:
    commands = get_command(app).commands
    texts = [page.text for page in docs.pages] + [p.read_text("utf-8") for p in (docs.root / "dashboard").rglob("*.py")]
    named = [
        (command, option)
        for text in texts
        for command, rest in re.findall(r"driftglass ([a-z][a-z-]*)([^\n`\"]*)", text)
        for option in re.findall(r"(?<= )--?[a-z][a-z-]*", rest)
        if command in commands
    ]
    assert {("shadow", "--candidate"), ("demo", "--json"), ("apply", "-f")} <= set(named)
    known = {
        (name, option)
        for name, command in commands.items()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    assert sorted(set(named) - known) == []


def test_the_clients_settings_and_their_defaults(docs) -> None:
    written = {cells[0].strip("`"): cells[1].strip("`") for cells in docs.page("client.md").table("Settings")}
    fields = dataclasses.fields(ClientSettings)
    assert written == {f.name: "none" if f.default is None else str(f.default) for f in fields}


def test_every_loss_of_the_client(docs) -> None:
    assert {cells[0].strip("`") for cells in docs.page("client.md").table("Losses")} == set(LOSSES)


def test_every_key_of_a_rule(docs) -> None:
    written = {cells[0].strip("`") for cells in docs.page("alerting.md").table("Rules")}
    assert written == {field.alias or name for name, field in Rule.model_fields.items()}
