"""What may stand in the query of a request: a misspelt filter, left out in silence, would answer what was not asked."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from kernel.errors import ContractError

_ASKED = "/v1/"


def known_queries(request: Request) -> None:
    """Refuse a parameter of the query that the route does not know, or that comes twice; probes and scrapes may add theirs.

    Raises:
        ContractError: there is one.
    """
    route = request.scope["route"]
    if not request.query_params or not isinstance(route, APIRoute) or not route.path.startswith(_ASKED):
        return
    known = list(dict.fromkeys(_queries(route.dependant)))
    for name in request.query_params:
        if name not in known:
            raise ContractError(name, f"is not known here, where {', '.join(known) or 'nothing'} may be asked for")
        if len(request.query_params.getlist(name)) > 1:
            raise ContractError(name, "comes more than once, and may have one value")


def _queries(needs: Dependant) -> Iterator[str]:
    yield from (field.alias for field in needs.query_params)
    for other in needs.dependencies:
        yield from _queries(other)
