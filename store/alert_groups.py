"""Alerts of one cause, told as one: a head, which speaks for itself, and those that fire under it. Pure."""

from collections.abc import Iterable, Sequence

from kernel.versions import NO_VERSION
from store.alert_rows import Alert


def heads(alerts: Sequence[Alert]) -> list[Alert]:
    """Those that fire under no other of these, in the order given."""
    there = {alert.alert for alert in alerts}
    return [alert for alert in alerts if alert.details.under not in there]


def groups(alerts: Sequence[Alert]) -> list[tuple[Alert, list[Alert]]]:
    """Each head with those under it, directly or through another, in the order given."""
    return [(head, below(head.alert, alerts)) for head in heads(alerts)]


def below(head: str, alerts: Iterable[Alert]) -> list[Alert]:
    """Those that fire under an alert, directly or through another; what fired later comes to lie under what fired before."""
    under: dict[str, list[Alert]] = {}
    for alert in alerts:
        under.setdefault(alert.details.under, []).append(alert)
    found, reached = [], [head]
    while reached:
        direct = under.pop(reached.pop(), [])
        found += direct
        reached += [alert.alert for alert in direct]
    return found


def also(head: Alert, held: Sequence[Alert]) -> str:
    """Where the held ones are that their head is not: the name where it is one, else how many."""
    found = []
    for name, one, many in (
        ("version", "version {}", "{} more versions"),
        ("segment", "segment {}", "{} segments"),
        ("size", "windows of {}", "{} more lengths of windows"),
        ("column", "{}", "{} more columns"),
    ):
        others = {getattr(alert, name) for alert in held} - {getattr(head, name)}
        if name != "version":  # of which "" is one, too: records that name none
            others -= {""}
        if others == {""}:
            found.append(NO_VERSION)
        elif others:
            found.append(one.format(*others) if len(others) == 1 else many.format(len(others)))
    return ", ".join(found)
