"""Prometheus' text format, as exporters answer it: the samples of some metrics, and nothing of the others."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from kernel.errors import ContractError

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|(?=\}))')
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Sample:
    """One line."""

    name: str
    labels: Mapping[str, str]
    value: float


def samples(text: str, names: Collection[str]) -> Iterator[Sample]:
    """The samples of these metrics, in order. Timestamps and exemplars are passed over.

    Source: "Exposition formats", https://prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4.

    Raises:
        ContractError: a line of theirs is no sample.

    >>> list(samples('# HELP b Busy.\\nb{gpu="0"} 0.5\\nother 1\\n', {"b"}))
    [Sample(name='b', labels={'gpu': '0'}, value=0.5)]
    """
    for number, line in enumerate(text.split("\n"), start=1):
        found = _NAME.match(line)
        if found is None or found[0] not in names:
            continue
        try:
            yield _sample(found[0], line[found.end() :])
        except ValueError as error:
            raise ContractError(f"line {number}", f"is no sample of {found[0]}") from error


def _sample(name: str, rest: str) -> Sample:
    labels, rest = _labels(rest.lstrip())
    value, *_ = rest.split() or [""]
    return Sample(name, labels, float(value))


def _labels(rest: str) -> tuple[dict[str, str], str]:
    if not rest.startswith("{"):
        return {}, rest
    labels, at = {}, 1
    while found := _LABEL.match(rest, at):
        labels[found[1]] = _ESCAPED.sub(lambda escaped: "\n" if escaped[1] == "n" else escaped[1], found[2])
        at = found.end()
    head, closed, tail = rest[at:].partition("}")
    if head.strip() or not closed:
        raise ValueError("labels do not end")
    return labels, tail
