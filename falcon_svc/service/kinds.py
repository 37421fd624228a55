"""What each kind of job takes and gives: its settings, its check, the names of its results.

Place: under `jobs`, `batches` and `results`, which know no kind by itself. The work is done by
`falcon_svc.worker.kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from falcon_svc.config import make_config
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.encoder_files import resolve
from falcon_svc.errors import ConfigError
from falcon_svc.pipeline.wishes import check_counts
from falcon_svc.service.context import Context
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage import Session
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.kinds import ADVICE, CLASSIFIER, DISCOVERY
from falcon_svc.storage.states import READY, SUCCEEDED
from falcon_svc.storage.tables import Dataset, Job
from falcon_svc.supervised.config import AdviceConfig, ClassifierConfig, make

Config = dict[str, Any]


@dataclass(frozen=True)
class Kind:
    """A kind of job.

    Parameters
    ----------
    check
        Raises for settings that are wrong by themselves.
    check_with
        Raises for settings that the tenant's data set, or what else they name, cannot have.
    results
        What a job that has succeeded has below its path.
    """

    check: Callable[[Context, Config], None]
    check_with: Callable[[Session, Config, Dataset], None]
    results: tuple[str, ...]


def check(context: Context, kind: str, config: Config, *, place: str) -> None:
    """Raise for settings that are wrong, or that are not the client's to choose.

    `place` is their pointer in the request.

    Raises
    ------
    ConfigError, RequestError
        What the kind's settings refuse; reading limits; files outside `encoder_files`; a device
        that no job here can ever get (code ``no_such_device``).
    """
    data = config.get("data")
    own = sorted(set(data) - OPTIONS) if isinstance(data, dict) else []
    if own:
        raise ConfigError(
            f"Expected settings data.* among {', '.join(sorted(OPTIONS))}, found {own[0][:60]!r}; "
            "leave it out.",
            code="unknown_option",
        )
    with _pointing_below(place):
        KINDS[kind].check(context, config)


def check_with(session: Session, kind: str, config: Config, dataset: Dataset, place: str) -> None:
    """Raise for settings that do not go with a data set, or with what else they name."""
    with _pointing_below(place):
        KINDS[kind].check_with(session, config, dataset)


@contextmanager
def _pointing_below(place: str) -> Iterator[None]:
    """Let what is wrong with settings point to it in the whole request."""
    try:
        yield
    except ConfigError as error:
        for wrong in error.errors:
            wrong["pointer"] = f"{place}{wrong['pointer']}"
        raise


def _check_discovery(context: Context, config: Config) -> None:
    made = make_config(resolve(config, context.settings))
    context.devices.check(made.device)


def _check_counts(session: Session, config: Config, dataset: Dataset) -> None:
    """Refuse counts that a data set cannot have, if it was read as the job would read it."""
    read_so = {**dataset.options, **config.get("data", {})} == dataset.options
    if dataset.state == READY and dataset.summary and read_so:
        counts = CountConfig.model_validate(config.get("counts", {}))
        check_counts(counts, dataset.summary.get("classes") or {})


def _check_advice(context: Context, config: Config) -> None:
    make(AdviceConfig, config)


def _check_classifier(context: Context, config: Config) -> None:
    """Raise for settings that are wrong, or a text encoder that is none of the operator's."""
    made = make(ClassifierConfig, config)
    resolve({"encoder": {"name": made.text_encoder}}, context.settings)


def _check_labels(session: Session, config: Config, dataset: Dataset) -> None:
    """Refuse data sets without vectors, and discoveries that are not of this data set."""
    kind = (dataset.summary or {}).get("kind", "vectors")
    if kind != "vectors":
        raise ConfigError(
            f"Expected a data set of vectors, found {kind} in {dataset.id}; make features of them "
            "first, with an encoder of docs/encoders.md.",
            code="bad_input",
        )
    named = config.get("classes_of")
    if named is not None:
        source = JobRepository(session).get(named, dataset.tenant)
        if source is None:
            raise not_found("job", named)
        _check_source(source, dataset)


def _check_source(source: Job, dataset: Dataset) -> None:
    require(source, DISCOVERY)
    if source.state != SUCCEEDED:
        raise RequestError(
            f"Expected a discovery that has succeeded, found {source.id} {source.state}; submit "
            "this job once it has, or run it again.",
            code="no_result",
        )
    if source.dataset_id != dataset.id:
        detail = f"expected a discovery in {dataset.id}, found one in {source.dataset_id}"
        raise ConfigError(
            f"Setting classes_of: {detail}; name the data set that it was made in.",
            errors=[{"pointer": "/classes_of", "detail": detail}],
        )


def require(job: Job, kind: str) -> None:
    """Raise unless a job is of a kind.

    Raises
    ------
    RequestError
        It is of another (code ``wrong_kind``).
    """
    if job.kind != kind:
        raise RequestError(
            f"Expected a job of the kind {kind}, found {job.id} of the kind {job.kind}, whose "
            f"results are {', '.join(KINDS[job.kind].results)}; name another job.",
            code="wrong_kind",
        )


KINDS: dict[str, Kind] = {
    DISCOVERY: Kind(
        _check_discovery,
        _check_counts,
        ("classes", "assignments", "graph", "relation", "report", "model"),
    ),
    CLASSIFIER: Kind(_check_classifier, _check_labels, ("model", "card", "report")),
    ADVICE: Kind(_check_advice, _check_labels, ("advice", "report")),
}
