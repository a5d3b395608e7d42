"""How many dead letters one message may write: the first of its refused records each have one, all further ones share one.

A message of a million bad records would otherwise keep its partition waiting for as many rows.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from stream.codecs.batch import MAX_REFUSALS, Refusal
from stream.codecs.json_records import unreadable
from stream.message import Message


def few(refusals: Sequence[Refusal], messages: Iterable[Message]) -> list[Refusal]:
    """The refusals to be kept: of each message the first 1,000, and one of the whole message where there are more.

    Args:
        messages: among them those that were refused in part.
    """
    counts = Counter((r.partition, r.offset) for r in refusals)
    crowded = {place: n - MAX_REFUSALS for place, n in counts.items() if n > MAX_REFUSALS}
    if not crowded:
        return list(refusals)
    seen: Counter[object] = Counter()
    kept = []
    for refusal in refusals:
        seen[refusal.partition, refusal.offset] += 1
        if seen[refusal.partition, refusal.offset] <= MAX_REFUSALS:
            kept.append(refusal)
    whole = {(m.partition, m.offset): m for m in messages if (m.partition, m.offset) in crowded}
    reasons = {
        place: f"holds {more} more records that are refused; here it is as a whole" for place, more in crowded.items()
    }
    return [*kept, *(unreadable(message, reasons[place]) for place, message in whole.items())]
