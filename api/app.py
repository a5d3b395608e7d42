"""The REST API over what is stored; OpenAPI, at /docs, is its reference."""

from threading import Lock

from fastapi import Depends, FastAPI
from fastapi_offline import FastAPIOffline

from api import (
    alerts,
    arrivals,
    business,
    changes,
    comparisons,
    concept_drift,
    disagreements,
    forecasts,
    health,
    label_plans,
    measurements,
    models,
    orphans,
    problems,
    reference,
    retraining,
    shadow_runs,
    silences,
)
from api.bodies import BoundedBodies
from api.caller import Parts
from api.metrics import ApiMetrics, Counted
from api.queries import known_queries
from api.settings import ApiSettings
from detectors.delta import DELTA
from kernel.clock import Clock
from kernel.keys import Keys
from store.database import Database
from store.records import RecordLog

_ROUTERS = (
    models.router,
    reference.router,
    measurements.router,
    forecasts.router,
    comparisons.router,
    business.router,
    changes.router,
    concept_drift.router,
    disagreements.router,
    alerts.router,
    silences.router,
    shadow_runs.router,
    retraining.router,
    arrivals.router,
    orphans.router,
    label_plans.router,
    health.router,
)
_PROBLEMS = (400, 401, 403, 404, 413, 422, 429, 503)


def create_api(
    db: Database, log: RecordLog, settings: ApiSettings, clock: Clock, max_segments: int = 50, delta: float = DELTA
) -> FastAPI:
    """The application. It owns neither the database nor the record log: who made them closes them.

    Args:
        max_segments: values of a segment feature that the collector tells apart.
        delta: the psi that detectors take for a limit.
    """
    metrics = ApiMetrics()
    app = FastAPIOffline(  # its page at /docs asks no other server for its parts
        redoc_url=None,
        title="Driftglass",
        description="Measurements, alerts and models of a Driftglass. Times are RFC 3339 in UTC; what does not exist is null.",
        version="1",
        responses={status: {"model": problems.Problem} for status in _PROBLEMS},
        dependencies=[Depends(known_queries)],
    )
    app.state.parts = Parts(db, log, Lock(), clock, Keys(settings.keys), metrics, max_segments, delta)
    for router in _ROUTERS:
        app.include_router(router)
    problems.install(app)
    app.add_middleware(BoundedBodies, limit=settings.max_body_bytes)
    app.add_middleware(Counted, metrics=metrics)
    return app
