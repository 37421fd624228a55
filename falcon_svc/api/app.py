"""The application: routes, middleware, errors, and what lives as long as the process."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypedDict

import anyio.to_thread

from falcon_svc import __version__
from falcon_svc.api import problems
from falcon_svc.api.documents import Application
from falcon_svc.api.feed import Feed
from falcon_svc.api.methods import Methods
from falcon_svc.api.metrics import Metrics
from falcon_svc.api.middleware import Bodies, Gate, Limits, Observe
from falcon_svc.api.routes import (
    ancestry,
    batches,
    classifiers,
    datasets,
    discover,
    jobs,
    models,
    pages,
    results,
    review,
    review_page,
    system,
)
from falcon_svc.service.busy import Busy
from falcon_svc.service.context import Context
from falcon_svc.service.operations.supervise import Companion
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.settings import Settings


class State(TypedDict):
    """What every request finds in `request.state`."""

    context: Context
    feed: Feed


def create_app(
    settings: Settings, *, vitals: Vitals | None = None, worker: Companion | None = None
) -> Application:
    """Return the application; nothing is opened before it starts.

    Parameters
    ----------
    settings
        Settings of the service.
    vitals
        Vitals of the process; None = of this application alone.
    worker
        The supervisor that this process has started, which is then a part of being ready.
    """
    vitals = vitals or Vitals()
    metrics, busy = Metrics(vitals, worker), Busy(settings)
    app = Application(
        keys_required=settings.keys_required,
        title="falcon-svc",
        license_info={"name": "MIT", "identifier": "MIT"},
        version=__version__,
        description="Discover the fine classes inside coarsely labelled data.",
        lifespan=lambda _: _lifespan(settings, vitals, busy),
        docs_url=None,
        redoc_url=None,
        openapi_url="/v1/openapi.json",
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    answering = (
        *(datasets, jobs, results, classifiers, review, ancestry, batches, models, discover),
    )
    for part in (*answering, pages, review_page):
        app.include_router(part.router)
    app.include_router(system.router(metrics, vitals, worker))
    problems.install(app)
    app.add_middleware(Methods, methods_of=app.methods_of)
    app.add_middleware(Bodies, most=settings.max_uploads)
    app.add_middleware(Gate)
    app.add_middleware(Limits, settings=settings)
    app.add_middleware(Observe, metrics=metrics, busy=busy)
    return app


@asynccontextmanager
async def _lifespan(settings: Settings, vitals: Vitals, busy: Busy) -> AsyncIterator[State]:
    context = await anyio.to_thread.run_sync(Context.make, settings)
    before = tempfile.tempdir
    tempfile.tempdir = str(context.staging.own)  # not on the machine's own
    await anyio.to_thread.run_sync(context.devices.look)
    feed = Feed(context)
    tasks = [
        vitals.task("feed", feed.run(vitals)),
        vitals.task("devices", context.devices.follow(vitals)),
        vitals.task("load", busy.follow(vitals)),
    ]
    try:
        yield State(context=context, feed=feed)
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        tempfile.tempdir = before
        context.close()
