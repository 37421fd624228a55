"""`/metrics` in Prometheus' text format: requests of this process, jobs of the record.

Requests are counted here as they end. What is said of jobs is read from the database when asked
for, so that it survives restarts and is the same from every API process.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)

from falcon_svc.service.context import Context
from falcon_svc.service.jobs import loop_failures, totals
from falcon_svc.service.operations.pulse import last_step
from falcon_svc.service.operations.supervise import Companion
from falcon_svc.service.operations.vitals import Vitals
from falcon_svc.storage.states import STATES

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
SUMMARIES = {
    "stage_seconds": ("falcon_job_stage_seconds", "Seconds of succeeded jobs by stage."),
    "solve_seconds": ("falcon_solve_seconds", "Seconds of relation solves of succeeded jobs."),
    "solve_gap": ("falcon_solve_gap", "Gap of the certified relation solves of succeeded jobs."),
}


class Metrics:
    """The metrics of one application.

    Parameters
    ----------
    vitals
        Vitals of its process.
    worker
        The supervisor that this process has started, if it has.
    """

    def __init__(self, vitals: Vitals, worker: Companion | None) -> None:
        self._vitals, self._worker = vitals, worker
        self._registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "falcon_http_requests", "Requests answered.", labels, registry=self._registry
        )
        self._seconds = Histogram(
            "falcon_http_request_seconds",
            "Seconds from a request's first byte to its answer's last.",
            ("method", "route"),
            buckets=BUCKETS_S,
            registry=self._registry,
        )

    def request(self, scope: Any, status: int, seconds: float) -> None:
        """Count a request; unknown paths share one label."""
        route = getattr(scope.get("route"), "path_format", "unknown")
        self._requests.labels(scope["method"], route, str(status)).inc()
        if not route.endswith("/events"):
            self._seconds.labels(scope["method"], route).observe(seconds)

    def text(self, context: Context) -> bytes:
        """Return everything in text format."""
        jobs = CollectorRegistry()
        jobs.register(_JobCollector(context))
        jobs.register(_LoopCollector(context, self._vitals, self._worker))
        return generate_latest(self._registry) + generate_latest(jobs)


class _JobCollector:
    def __init__(self, context: Context) -> None:
        self._context = context

    def describe(self) -> list[Metric]:
        """Return nothing: names are known once the database was read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read the record."""
        found = totals(self._context)
        states = GaugeMetricFamily("falcon_jobs", "Jobs by state.", labels=["state"])
        for state in STATES:
            states.add_metric([state], found.jobs.get(state, 0))
        yield states
        for kind, (name, text) in SUMMARIES.items():
            family = SummaryMetricFamily(name, text, labels=["of"])
            for total in found.measures:
                if total.kind == kind:
                    family.add_metric([total.label], total.count, total.sum)
            yield family


class _LoopCollector:
    """What is known of the loops of this process, and of the worker's."""

    def __init__(self, context: Context, vitals: Vitals, worker: Companion | None) -> None:
        self._context, self._vitals, self._worker = context, vitals, worker

    def describe(self) -> list[Metric]:
        """Return nothing, as above."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Look at the process, the lock file and the record."""
        silent_s = time.time() - last_step(self._context.settings)
        text = "Seconds since the worker's last step; +Inf = none was ever seen here."
        yield GaugeMetricFamily("falcon_worker_silent_seconds", text, value=silent_s)
        restarts = 0 if self._worker is None else self._worker.restarts
        text = "Times that this process had to start its worker again."
        yield CounterMetricFamily("falcon_worker_restarts", text, value=restarts)
        text = "Turns of loops beside requests that failed."
        failures = CounterMetricFamily("falcon_loop_failures", text, labels=["loop"])
        for loop, number in (loop_failures(self._context) + self._vitals.failures).items():
            failures.add_metric([loop], number)
        yield failures
