"""Models: declare, list, retire, look at one, its windows."""

from typing import Annotated

from fastapi import APIRouter, Query

from api import declaration
from api.caller import Admin, Caller, Viewer
from api.declaration import Declaration
from api.listing import Items, Limit, Page
from api.model_answers import ModelDetail, ModelOut, ReferenceEntry, WindowOut, model_detail, model_out
from store import columns, models, references, retiring, windows

router = APIRouter(prefix="/v1/models", tags=["models"])


@router.put("/{model}")
def declare(model: str, declared: Declaration, caller: Admin) -> ModelDetail:
    """Declare a model, or change what is declared; what is left out takes its default."""
    declaration.check(caller.db, caller.workspace, model, declared)
    declaration.write(caller.db, caller.workspace, model, declared, caller.now_us)
    return _detail(caller, model)


@router.get("")
def listing(
    caller: Viewer, retired: Annotated[bool, Query(description="Those that are retired, instead.")] = False
) -> Items[ModelOut]:
    """Every model of the workspace that is in service, by name."""
    every = models.known(caller.db, caller.workspace)
    known = {name: model for name, model in every.items() if (model.retired_us is not None) == retired}
    declared = columns.of_models(caller.db, caller.workspace, known)
    return Items(items=[model_out(known[name], declared[name].values()) for name in sorted(known)])


@router.get("/{model}")
def one(model: str, caller: Viewer) -> ModelDetail:
    """One model, with its reference."""
    return _detail(caller, model)


@router.post("/{model}/retire")
def retire(model: str, caller: Admin) -> ModelDetail:
    """Take a model out of service: nothing of it is deleted, nothing is measured or told. Doing it twice keeps the first."""
    retiring.retire(caller.db, caller.workspace, model, caller.now_us)
    return _detail(caller, model)


@router.post("/{model}/unretire")
def unretire(model: str, caller: Admin) -> ModelDetail:
    """Take a model back into service: what came meanwhile is measured as if it had never been away."""
    retiring.unretire(caller.db, caller.workspace, model, caller.now_us)
    return _detail(caller, model)


@router.get("/{model}/windows")
def model_windows(model: str, caller: Viewer, window: str | None = None) -> list[WindowOut]:
    """The model's windows in order, of every length or of one."""
    models.one(caller.db, caller.workspace, model)
    reference = references.active(caller.db, caller.workspace, model)
    provisional = reference is None or reference.provisional
    found = windows.listing(caller.db, caller.workspace, model, window)
    return [WindowOut.of(one, provisional=provisional) for one in found]


@router.get("/{model}/references")
def model_references(
    model: str,
    caller: Viewer,
    limit: Limit = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Page[ReferenceEntry]:
    """The references that the model has had, the newest first; none is ever deleted. Walk on with `next` until it is null."""
    models.one(caller.db, caller.workspace, model)
    found, following = references.history(caller.db, caller.workspace, model, limit, cursor)
    return Page(items=[ReferenceEntry.of(entry) for entry in found], next=following)


def _detail(caller: Caller, model: str) -> ModelDetail:
    known = models.one(caller.db, caller.workspace, model)
    declared = columns.of_models(caller.db, caller.workspace, [model])[model]
    reference = references.active(caller.db, caller.workspace, model)
    since = [retired.rows for retired in retiring.listing(caller.db, caller.workspace, model)]
    return model_detail(known, declared.values(), reference, since[0] if since else None)
