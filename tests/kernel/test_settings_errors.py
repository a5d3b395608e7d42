"""A wrong setting is one sentence: the file, the line, the value, what is allowed."""

from pathlib import Path
from typing import Annotated, Literal, Self

import pytest
from pydantic import Field, SecretStr, model_validator

from kernel.errors import SettingsError
from kernel.settings import LogSettings, Section, SettingsTree, load
from kernel.settings_problem import PlacedError


class Key(Section):
    key: SecretStr = Field(min_length=16)
    role: Literal["reader", "writer"]


class Hook(Section):
    kind: Literal["hook"] = "hook"
    url: SecretStr


class Quiet(Section):
    kind: Literal["quiet"] = "quiet"


class Part(Section):
    size: int = 1
    smaller: int = 0
    secret: SecretStr = SecretStr("")
    options: dict[str, SecretStr] = Field(default_factory=dict)
    keys: tuple[Key, ...] = ()
    hook: Annotated[Hook | Quiet, Field(discriminator="kind")] = Quiet()

    @model_validator(mode="after")
    def _is_smaller(self) -> Self:
        if self.smaller >= self.size:
            raise PlacedError(("smaller",), f"must be below size, which is {self.size}")
        return self


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
    with pytest.raises(SettingsError, match=r"line 2: log\.kind is 'redis': input should be 'local' or 'kafka'"):
        load(Tree, write(tmp_path, "log:\n  kind: redis\n"))


def test_an_unknown_name_is_no_setting(tmp_path: Path) -> None:
    with pytest.raises(
        SettingsError, match=r"line 3: part\.sise is no setting; part has: hook, keys, options, secret, size, smaller$"
    ):
        load(Tree, write(tmp_path, "# a comment\npart:\n  sise: 3\n"))


def test_what_is_no_yaml_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 2: this is no YAML"):
        load(Tree, write(tmp_path, "part:\n  a: b: c\n"))


def test_what_is_said_twice_names_both_lines(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 3: part\.size is there twice; it is in line 2 already"):
        load(Tree, write(tmp_path, "part:\n  size: 2\n  size: 3\n"))


def test_settings_that_do_not_go_together_name_the_line_of_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"line 3: part\.smaller: must be below size, which is 2$"):
        load(Tree, write(tmp_path, "part:\n  size: 2\n  smaller: 5\n"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("secret: 12345678", "line 2: part.secret: input should be a valid string"),
        ("secret: [TOP]", "line 2: part.secret: input should be a valid string"),
        ("options: TOP", "line 2: part.options: must hold settings by name"),
        ("options: {a: [TOP]}", "line 2: part.options.a: input should be a valid string"),
        ("keys: TOP", "line 2: part.keys: must be a list"),
        ("keys: [TOP]", "line 2: part.keys.0: must hold settings by name"),
        ("keys: [{key: TOP, role: reader}]", "line 2: part.keys.0.key: value should have at least 16 items"),
        ("keys: [{key: TOPTOPTOPTOPTOPTOP, role: boss}]", "part.keys.0.role is 'boss': input should be 'reader' or"),
        ("keys: [{key: TOPTOPTOPTOPTOPTOP}]", "line 2: part.keys.0.role is missing"),
        (
            "keys: [{kye: TOPTOPTOPTOPTOPTOP, role: reader}]",
            "part.keys.0.kye is no setting; part.keys.0 has: key, role",
        ),
        ("hook: {kind: hook, url: [TOP]}", "line 2: part.hook.url: input should be a valid string"),
        ("hook: {url: TOP}", "line 2: part.hook.kind is missing; there are: hook, quiet"),
        ("size: https://ada:TOP@example.org/TOP", "part.size is 'https://example.org/...': input should be"),
    ],
)
def test_no_secret_is_repeated(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(Tree, write(tmp_path, f"part:\n  {text}\n"))
    assert says in str(error.value)
    assert "TOP" not in str(error.value)
    assert "1234" not in str(error.value)


@pytest.mark.parametrize("text", [b"\xff", b"\x00", b"day: 2013-02-30", b"[a]: 1", b"- a"])
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "driftglass.yaml"
    path.write_bytes(text)
    with pytest.raises(SettingsError, match=r"driftglass\.yaml"):
        load(Tree, path)


def test_a_file_that_was_asked_for_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not exist"):
        load(Tree, tmp_path / "nowhere.yaml")


def test_a_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_PART__SIZE", "7")
    assert load(Tree, write(tmp_path, "part:\n  size: 3\n")).part.size == 7


def test_a_wrong_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRIFTGLASS_PART__SIZE", "many")
    with pytest.raises(SettingsError, match=r"the variable DRIFTGLASS_PART__SIZE: part\.size is 'many'"):
        load(Tree, write(tmp_path, "{}\n"))
