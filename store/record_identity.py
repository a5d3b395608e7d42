"""How the record log's rows are told apart and belong together, as queries say it: one wording for all of them."""

from kernel.clock import DAY_US

TAKEN_IN = 'ingested_at, topic, "partition", "offset", row'
"""In this order rows were taken in, and of those that were sent twice the first counts."""
IDENTITY = f"qualify row_number() over (partition by version, id order by {TAKEN_IN}) = 1"
"""Each (version, id) once."""
HINT_SLACK_US = DAY_US
"""Forgives a sender's rounding."""


def label_fits(horizon_us: int) -> str:
    """Where a label (hint_us, label_us) counts for the prediction at ts_us of its id.

    Args:
        horizon_us: how long after its prediction a label may come.
    """
    return f"""
        (hint_us is null or abs(hint_us - ts_us) <= {HINT_SLACK_US})
        and label_us >= ts_us - {HINT_SLACK_US} and label_us <= ts_us + {horizon_us}"""
