"""What went wrong, as one sentence and one status: the only place where errors meet HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from kernel.errors import (
    ContractError,
    DriftglassError,
    ForbiddenError,
    FullError,
    NotFoundError,
    UnauthorizedError,
    UnavailableError,
)

_RETRY_UNAVAILABLE_S = 2
_PLACES = ("body", "query", "path", "header")


class Problem(BaseModel):
    """The answer to what cannot be done."""

    error: str


_STATUS: dict[type[DriftglassError], int] = {
    UnauthorizedError: 401,
    ForbiddenError: 403,
    NotFoundError: 404,
    FullError: 429,
    UnavailableError: 503,
}


def status_of(error: DriftglassError) -> int:
    """The status of an error: 422 where a field is wrong, 400 where the whole request is.

    >>> status_of(ContractError("window", "is wrong")), status_of(ContractError("", "is no JSON"))
    (422, 400)
    """
    if isinstance(error, ContractError):
        return 422 if error.field else 400
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)


def sentence(problem: Mapping[str, Any]) -> tuple[str, str]:
    """The field and the reason of one error of pydantic's."""
    place = [str(part) for part in problem["loc"]]
    field = ".".join(place[1:] if place and place[0] in _PLACES else place)
    if problem["type"] == "extra_forbidden":
        return field, "is not known here; check its spelling"
    if problem["type"] == "missing":
        return field, "is missing"
    reason = str(problem["msg"]).removeprefix("Value error, ")
    given = "" if isinstance(problem.get("input"), dict | list) else f"is {problem.get('input')!r}: "
    return field, given + reason[0].lower() + reason[1:]


def as_contract_error(problems: Sequence[Mapping[str, Any]]) -> ContractError:
    """The first of pydantic's errors as ours."""
    if problems[0]["type"] == "json_invalid":
        return ContractError("", f"the body is no JSON: {problems[0].get('ctx', {}).get('error', '')}")
    if problems[0]["loc"] == ("body",) and problems[0]["type"] != "value_error":
        return ContractError("", "the body must be a JSON object, sent as application/json")
    return ContractError(*sentence(problems[0]))


def install(app: FastAPI) -> None:
    """Answer every error of ours, of FastAPI's validation and of its routing in the same form."""

    async def ours(_request: Request, error: Exception) -> JSONResponse:
        return answer(error) if isinstance(error, DriftglassError) else _plain(500, str(error))

    async def invalid(_request: Request, error: Exception) -> JSONResponse:
        problems = error.errors() if isinstance(error, RequestValidationError) else []
        return answer(as_contract_error(problems))

    async def routing(_request: Request, error: Exception) -> JSONResponse:
        status, detail = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, str(error))
        return _plain(status, str(detail))

    app.add_exception_handler(DriftglassError, ours)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, routing)


def answer(error: DriftglassError) -> JSONResponse:
    """The response to an error."""
    response = _plain(status_of(error), str(error))
    if isinstance(error, UnavailableError):
        seconds = error.retry_after_s if isinstance(error, FullError) else _RETRY_UNAVAILABLE_S
        response.headers["Retry-After"] = str(seconds)
    if isinstance(error, UnauthorizedError):
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _plain(status: int, text: str) -> JSONResponse:
    return JSONResponse({"error": text}, status)
