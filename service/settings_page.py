"""docs/settings.md from the settings tree itself: every setting with its type, default, meaning and variable.

python -m service.settings_page > docs/settings.md
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, HttpUrl, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from alerting.condition import Comparison, Verdict
from alerting.fold import Policy
from alerting.rules import DurationUs
from kernel.windows import parse_duration
from service.settings import Settings

_HEAD = """# Settings

Made by `python -m service.settings_page > docs/settings.md` from the settings tree; a test holds this page to it.

Settings come from `driftglass.yaml` in the working directory (another file: `driftglass --config FILE`, or `DRIFTGLASS_CONFIG`),
and from `DRIFTGLASS_` variables, which win. In a variable's name two underscores stand for one level; a list or a map is written
as JSON. Without any file everything has a default. A name that does not exist, or a value out of its range, stops the command
with the file, the line and what is allowed.

```yaml
log:
  kind: kafka                # or DRIFTGLASS_LOG__KIND=kafka
  kafka:
    bootstrap: broker:9092   # or DRIFTGLASS_LOG__KAFKA__BOOTSTRAP=broker:9092
```

A duration is a whole number and its unit: `90s`, `5m`, `1h`, `7d`, `2w`. Where a name ends with a unit (`_s`, `_ms`, `_bytes`,
`_days`), the value is a plain number of it.
"""
_DURATION = get_args(DurationUs)[1]
_NAMES: dict[Any, str] = {
    str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path", HttpUrl: "URL",
    SecretStr: "secret text", Policy: "windows or duration", Verdict: "condition", Comparison: "condition",
}  # fmt: skip
_BOUNDS = ((Ge, "ge", "at least"), (Gt, "gt", "above"), (Le, "le", "at most"), (Lt, "lt", "below"))
_HEADER = ("| setting | type | default | what it is | variable |", "| --- | --- | --- | --- | --- |")
_ITEM_HEADER = ("| key | type | default | what it is |", "| --- | --- | --- | --- |")


def render() -> str:
    """The page, as Markdown."""
    return "\n".join([_HEAD, *_section(Settings, ())])


def _section(tree: type[BaseModel], path: tuple[str, ...]) -> Iterator[str]:
    """A heading and a table of one section's own settings; then the sections within it, and what its lists hold."""
    if path:
        yield f"## `{'.'.join(path)}`\n"
        yield f"{_sentence(tree)}\n"
    own = {name: field for name, field in tree.model_fields.items() if not _is_section(field.annotation)}
    if own:
        yield from _HEADER
        for name, field in own.items():
            variable = "DRIFTGLASS_" + "__".join((*path, name)).upper()
            yield f"| `{'.'.join((*path, name))}` | {_row(field)} | `{variable}` |"
        yield ""
    for name, field in own.items():
        for item in _models(field.annotation):
            yield from _item(item, ".".join((*path, name)))
    for name, field in tree.model_fields.items():
        if name not in own:
            yield from _section(field.annotation, (*path, name))  # type: ignore[arg-type]


def _item(item: type[BaseModel], where: str) -> Iterator[str]:
    yield f"### In `{where}`: {_type(item)}\n"
    yield f"{_sentence(item)}\n"
    yield from _ITEM_HEADER
    for name, field in item.model_fields.items():
        yield f"| `{field.alias or name}` | {_row(field)} |"
    yield ""


def _row(field: FieldInfo) -> str:
    kind = "duration" if _DURATION in field.metadata else _type(field.annotation)
    cells = (kind + _bounds(field), _default(field, kind), field.description or "")
    return " | ".join(cell.replace("|", r"\|") for cell in cells)


def _sentence(tree: type[BaseModel]) -> str:
    return (tree.__doc__ or "").split("\n")[0]


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _models(kind: Any) -> list[type[BaseModel]]:
    """The classes of what a list or a map holds."""
    if _is_section(kind):
        return [kind]
    return [model for part in get_args(kind) for model in _models(part)]


def _type(kind: Any) -> str:
    """A type in a person's words.

    >>> _type(tuple[str, ...]), _type(dict[str, str]), _type(int | None), _type(Literal["a", "b"])
    ('list of text', 'map of name to text', 'whole number', '`a` or `b`')
    """
    origin, parts = get_origin(kind), [part for part in get_args(kind) if part not in (NoneType, Ellipsis)]
    if origin is Annotated:
        return "duration" if _DURATION in kind.__metadata__ else _type(parts[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in parts)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in parts))
    if origin in (tuple, list):
        return f"list of {_type(parts[0])}"
    if origin is dict:
        return "object" if parts[1] is Any else f"map of name to {_type(parts[1])}"
    return _NAMES.get(kind) or str(kind.__name__).removesuffix("Settings").removesuffix("Declaration")


def _bounds(field: FieldInfo) -> str:
    told = [(m, at, word) for m in field.metadata for bound, at, word in _BOUNDS if isinstance(m, bound)]
    return "".join(f", {word} {getattr(m, at)}" for m, at, word in told)


def _default(field: FieldInfo, kind: str) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    return "required" if value is PydanticUndefined else _shown(value, kind)


def _shown(value: Any, kind: str) -> str:
    """A default as it would be written in the file."""
    if isinstance(value, Verdict):
        return f"`{value.status}`"
    if isinstance(value, Policy):
        return f"`{value.windows}`"
    if kind == "duration" and value is not None:
        return f"`{_duration(value)}`"
    if isinstance(value, tuple | list | dict):
        names = [str(getattr(one, "name", one)) for one in value]
        return ", ".join(f"`{name}`" for name in names) or "none"
    if value is None or value == "":
        return "none"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _duration(value_us: int) -> str:
    """The shortest text of a duration.

    >>> _duration(90 * 86_400_000_000), _duration(90_000_000)
    ('90d', '90s')
    """
    unit = next(unit for unit in "dhms" if value_us % parse_duration(f"1{unit}") == 0)
    return f"{value_us // parse_duration(f'1{unit}')}{unit}"


if __name__ == "__main__":
    sys.stdout.write(render())
