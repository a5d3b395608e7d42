"""A YAML file of settings: its values, and the line of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kernel.errors import SettingsError

Way = tuple[str | int, ...]
"""From the top of the settings to one of them: names, and places in lists."""


@dataclass(frozen=True, slots=True)
class YamlFile:
    """What a file says.

    Attributes:
        values: by name, as YAML gives them.
        lines: the line, from 1, of every setting.
    """

    path: Path
    values: dict[str, Any]
    lines: dict[Way, int]


def read_yaml(path: Path) -> YamlFile:
    """Read a file of settings.

    Raises:
        SettingsError: it cannot be read, is no YAML, holds no settings by name, or says one twice; with its line.
    """
    try:
        text = path.read_text(encoding="utf-8")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text) or {}
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SettingsError(f"{path}, line {line}: this is no YAML: {error.problem}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} cannot be read: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path}, line 1: the file must hold settings by name, such as `log:`")
    lines: dict[Way, int] = {}
    for way, line in _lines(node, ()):
        if way in lines:
            name = ".".join(map(str, way))
            raise SettingsError(f"{path}, line {line}: {name} is there twice; it is in line {lines[way]} already")
        lines[way] = line
    return YamlFile(path, {str(name): value for name, value in values.items()}, lines)


def _lines(node: yaml.Node | None, way: Way) -> Iterator[tuple[Way, int]]:
    """Every setting below a node with its line; what the file says twice comes twice."""
    children: list[tuple[str | int, yaml.Node, int]] = []
    if isinstance(node, yaml.MappingNode):
        children = [(key.value, value, key.start_mark.line + 1) for key, value in node.value]
    elif isinstance(node, yaml.SequenceNode):
        children = [(i, item, item.start_mark.line + 1) for i, item in enumerate(node.value)]
    for key, child, line in children:
        yield (*way, key), line
        yield from _lines(child, (*way, key))
