"""What is wrong with a setting, in one sentence: where it stands, what it is, what is allowed. No secret is ever in it."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from kernel.yaml_file import Way, YamlFile

PREFIX = "DRIFTGLASS_"
_URL = re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s'\"]*@)?([^\s/?#'\"]+)(/?[^\s'\"]*)", re.IGNORECASE)
_WORDS = dict.fromkeys(("tuple_type", "list_type"), "must be a list, such as [a, b]") | dict.fromkeys(
    ("dict_type", "model_type", "model_attributes_type"), "must hold settings by name"
)
_LONGEST = 80  # characters of a value that are repeated


class PlacedError(ValueError):
    """What a section refuses when it looks at several settings together.

    Args:
        way: from the section to the setting that is wrong.
        reason: one sentence.
    """

    def __init__(self, way: Way, reason: str) -> None:
        super().__init__(reason)
        self.way = way


def require_once(names: Sequence[str], field: str, reason: str) -> None:
    """Refuse a list of sections of which two have one name.

    Args:
        field: the setting that names each.
        reason: the sentence, with {name} where the name belongs.

    Raises:
        PlacedError: at the second of them.
    """
    for index, name in enumerate(names):
        if name in names[:index]:
            raise PlacedError((index, field), reason.format(name=name))


def sentences(errors: Sequence[Mapping[str, Any]], tree: type[BaseModel], file: YamlFile) -> str:
    """What pydantic finds wrong with a settings tree, for people; a list is not blamed for what is wrong within it."""
    inmost = [error for error in errors if not any(_is_within(other["loc"], error["loc"]) for other in errors)]
    return "; ".join(_sentence(error, tree, file) for error in inmost)


def _is_within(inner: Way, outer: Way) -> bool:
    return len(inner) > len(outer) and inner[: len(outer)] == outer


def _sentence(error: Mapping[str, Any], tree: type[BaseModel], file: YamlFile) -> str:
    cause = error.get("ctx", {}).get("error")
    placed = cause.way if isinstance(cause, PlacedError) else ()
    place = _place(tree, (*error["loc"], *placed))
    reason = _reason(error, place, repeat=not placed)
    return f"{_where(place.way, file)}: {'.'.join(map(str, place.way))}{reason}"


def _reason(error: Mapping[str, Any], place: "_Place", *, repeat: bool) -> str:
    if error["type"] == "extra_forbidden":
        return f" is no setting; {place.section} has: {', '.join(place.allowed)}"
    if error["type"] == "missing":
        return " is missing"
    if error["type"] == "union_tag_not_found":
        return f".{place.tag} is missing; there are: {', '.join(place.tags)}"
    said = without_secrets(_WORDS.get(error["type"]) or str(error["msg"]).removeprefix("Value error, "))
    told = f" is {_shown(error['input'])}" if repeat and place.is_plain else ""
    return f"{told}: {said if said[:2].isupper() else said[0].lower() + said[1:]}"


def _shown(value: object) -> str:
    text = without_secrets(repr(value))
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def without_secrets(text: str) -> str:
    """A text with its URLs cut down to scheme and host: users, paths and queries may open something.

    >>> without_secrets("'https://hooks.slack.com/services/T0/B0/x' and postgresql://ada:pw@db/driftglass")
    "'https://hooks.slack.com/...' and postgresql://db/..."
    """
    return _URL.sub(lambda found: found[1] + found[2] + ("/..." if found[3].strip("/") else found[3]), text)


def _where(way: Way, file: YamlFile) -> str:
    """The variable or the line that says so, or that the section begins with."""
    for length in range(len(way), 0, -1):
        variable = PREFIX + "__".join(map(str, way[:length])).upper()
        if variable in os.environ:
            return f"the variable {variable}"
        if way[:length] in file.lines:
            return f"{file.path}, line {file.lines[way[:length]]}"
    return f"{file.path} or a {PREFIX} variable"


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a tree.

    Attributes:
        way: without the tags that pydantic adds where one of several kinds was chosen.
        kinds: what may stand there; where nothing may, what may stand around it.
    """

    way: Way
    kinds: tuple[Any, ...]

    @property
    def is_plain(self) -> bool:
        """Whether a value there can be repeated: it is no secret, and nothing that may hold one."""
        return all(kind is not SecretStr and not _fields(kind) and _held(kind) is None for kind in self.kinds)

    @property
    def section(self) -> str:
        return ".".join(map(str, self.way[:-1])) or "the file"

    @property
    def allowed(self) -> list[str]:
        """The names of what may stand there."""
        return sorted({field.alias or name for kind in self.kinds for name, field in _fields(kind).items()})

    @property
    def tag(self) -> str:
        """The name that says which of several kinds is meant."""
        return next(name for name, field in _fields(self.kinds[0]).items() if get_origin(field.annotation) is Literal)

    @property
    def tags(self) -> list[str]:
        """What it may be."""
        return [str(_fields(kind)[self.tag].default) for kind in self.kinds]


def _place(tree: type[BaseModel], loc: Sequence[str | int]) -> _Place:
    way: list[str | int] = []
    kinds: tuple[Any, ...] = (tree,)
    for at, part in enumerate(loc):
        inside = tuple(_inside(kinds, part))
        tagged = tuple(k for k in kinds if any(field.default == part for field in _fields(k).values()))
        if not inside and tagged:
            kinds = tagged
            continue
        way.append(part)
        if not inside:
            return _Place((*way, *loc[at + 1 :]), kinds)
        kinds = inside
    return _Place(tuple(way), kinds)


def _inside(kinds: Sequence[Any], part: str | int) -> Iterator[Any]:
    """What may stand under a name, or in a list or a map."""
    for kind in kinds:
        named = [field for name, field in _fields(kind).items() if part in (name, field.alias)]
        if named:
            yield from _alternatives(named[0].annotation)
        elif (held := _held(kind)) is not None:
            yield from _alternatives(held)


def _held(kind: Any) -> Any:
    """What a list or a map holds; None for what is neither."""
    if get_origin(kind) not in (dict, list, tuple):
        return None
    return get_args(kind)[1 if get_origin(kind) is dict else 0]


def _fields(kind: Any) -> Mapping[str, FieldInfo]:
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _alternatives(kind: Any) -> Iterator[Any]:
    if get_origin(kind) is Annotated:
        yield from _alternatives(get_args(kind)[0])
    elif get_origin(kind) in (Union, UnionType):
        for one in get_args(kind):
            yield from _alternatives(one)
    elif kind is not NoneType:
        yield kind
