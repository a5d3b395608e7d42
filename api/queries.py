"""What may stand in the query of a request: a misspelt filter, left out in silence, would answer what was not asked."""

from collections.abc import Iterator

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from kernel.errors import ContractError


def known_queries(request: Request) -> None:
    """Refuse a parameter of the query that the route does not know.

    Raises:
        ContractError: there is one.
    """
    route = request.scope["route"]
    known = list(dict.fromkeys(_queries(route.dependant))) if isinstance(route, APIRoute) else []
    for name in request.query_params:
        if name not in known:
            raise ContractError(name, f"is not known here, where {', '.join(known) or 'nothing'} may be asked for")


def _queries(needs: Dependant) -> Iterator[str]:
    yield from (field.alias for field in needs.query_params)
    for other in needs.dependencies:
        yield from _queries(other)
