"""A wrong setting is one sentence: the file, the line, the value, what is allowed."""

from pathlib import Path

import pytest

from kernel.errors import SettingsError
from kernel.settings import LogSettings, Section, SettingsTree, load


class Part(Section):
    size: int = 1


class Tree(SettingsTree):
    log: LogSettings = LogSettings()
    part: Part = Part()


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "driftglass.yaml"
    path.write_text(text)
    return path


def test_a_value_out_of_range_names_the_line_and_what_is_allowed(tmp_path: Path) -> None:
    path = write(tmp_path, "log:\n  kind: local\n  local:\n    partitions: 0\n")
    with pytest.raises(SettingsError, match=r"line 4: log\.local\.partitions is 0: .*greater than or equal to 1"):
        load(Tree, path)


def test_a_choice_names_the_choices(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: log\.kind is 'redis'.*local\|kafka"):
        load(Tree, write(tmp_path, "log:\n  kind: redis\n"))


def test_an_unknown_name_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 3: part\.sise is no setting"):
        load(Tree, write(tmp_path, "# a comment\npart:\n  sise: 3\n"))


def test_what_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: this is no YAML"):
        load(Tree, write(tmp_path, "part:\n  a: b: c\n"))


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load(Tree, tmp_path / "nowhere.yaml")


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_PART__SIZE", "7")
    assert load(Tree, write(tmp_path, "part:\n  size: 3\n")).part.size == 7


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_PART__SIZE", "many")
    with pytest.raises(SettingsError, match=r"DRIFTGLASS_ variable: part\.size is 'many'"):
        load(Tree, write(tmp_path, "{}\n"))
