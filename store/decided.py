"""Measurements beside what was decided of them: the join, and which of the two says what."""

import sqlalchemy as sa

from store.tables import decisions as d
from store.tables import measurements as m

SAME = sa.and_(*(m.c[key.name] == d.c[key.name] for key in d.primary_key.columns))
"""The decision about a measurement: for an outer join, since it may still be to come."""

STATUS = sa.func.coalesce(d.c.status, m.c.status)
BASIS = sa.func.coalesce(sa.func.nullif(d.c.basis, ""), m.c.basis)
"""As decided, or as measured where that is still to come; releases before 0003 decided without a basis."""

EXPECTED = sa.func.coalesce(d.c.usual, m.c.expected)
"""By the series' own recent past, where that says it; else what was measured."""

ABNORMAL = sa.func.coalesce(d.c.abnormal, sa.false())
