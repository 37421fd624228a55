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
from falcon_svc.data.refusal import listed, quoted
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.encoder_files import resolve
from falcon_svc.errors import ConfigError
from falcon_svc.pipeline.wishes import check_counts
from falcon_svc.service.context import Context
from falcon_svc.service.datasets import OPTIONS
from falcon_svc.service.refusals import RequestError, not_found
from falcon_svc.storage import Session
from falcon_svc.storage.datasets import DatasetRepository
from falcon_svc.storage.jobs import JobRepository
from falcon_svc.storage.kinds import ADVICE, BESIDE, CLASSIFIER, DISCOVERY, METRICS
from falcon_svc.storage.states import READY, SUCCEEDED
from falcon_svc.storage.tables import Dataset, Job
from falcon_svc.supervised.config import (
    AdviceConfig,
    ClassifierConfig,
    check_encoder,
    make,
)
from falcon_svc.supervised.measure_config import MetricsConfig

Config = dict[str, Any]
LABELS = "labels"
"""What a data set holds that has no samples."""


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
    _check_samples(dataset)
    read_so = {**dataset.options, **config.get("data", {})} == dataset.options
    if dataset.state == READY and dataset.summary and read_so:
        counts = CountConfig.model_validate(config.get("counts", {}))
        check_counts(counts, dataset.summary.get("classes") or {})


def _check_advice(context: Context, config: Config) -> None:
    make(AdviceConfig, resolve(config, context.settings))


def _check_classifier(context: Context, config: Config) -> None:
    """Raise for settings that are wrong, or encoders that are none of the operator's."""
    made = make(ClassifierConfig, resolve(config, context.settings))
    resolve({"encoder": {"name": made.text_encoder}}, context.settings)
    context.devices.check(made.device)


def _check_trainable(session: Session, config: Config, dataset: Dataset) -> None:
    """Refuse encoders that cannot be kept, or not be trained, and as `_check_labels`."""
    check_encoder(make(ClassifierConfig, config), _kind_of(dataset))
    _check_labels(session, config, dataset)
    _check_levels(config, dataset)


def _check_labels(session: Session, config: Config, dataset: Dataset) -> None:
    """Refuse data sets without samples, and discoveries that are not of this one."""
    _check_samples(dataset)
    named = config.get("classes_of")
    if named is None:
        return
    source = _succeeded(session, named, dataset.tenant, DISCOVERY)
    if source.dataset_id != dataset.id:
        detail = f"expected a discovery in {dataset.id}, found one in {source.dataset_id}"
        raise ConfigError(
            f"Setting classes_of: {detail}; name the data set that it was made in.",
            errors=[{"pointer": "/classes_of", "detail": detail}],
        )


def _check_levels(config: Config, dataset: Dataset) -> None:
    """Refuse label columns that a data set which was read does not have."""
    columns: list[str] | None = (dataset.summary or {}).get("columns")
    if columns is None:  # nobody has looked, or they are too many
        return
    strange = [name for name in config.get("levels", ()) if name not in columns]
    if strange:
        detail = f"expected columns among {listed(columns)}, found {quoted(strange[0])}"
        raise ConfigError(
            f"Setting levels: {detail}; name columns of {dataset.id}.",
            code="no_such_column",
            errors=[{"pointer": "/levels", "detail": detail}],
        )


def _check_samples(dataset: Dataset) -> None:
    if _kind_of(dataset) == LABELS:
        raise ConfigError(
            f"Expected a data set of samples, found labels alone in {dataset.id}; name the data "
            "set of the samples, or submit a job of the kind metrics.",
            code="bad_input",
        )


def _kind_of(dataset: Dataset) -> str | None:
    """Return what the samples are; None as long as nobody has looked."""
    found: str | None = (dataset.summary or {}).get("kind")
    return found


def _succeeded(session: Session, named: str, tenant: str, kind: str) -> Job:
    """Return a tenant's job of a kind, which has a result."""
    source = JobRepository(session).get(named, tenant)
    if source is None:
        raise not_found("job", named)
    require(source, kind)
    if source.state != SUCCEEDED:
        raise RequestError(
            f"Expected a {kind} that has succeeded, found {source.id} {source.state}; submit this "
            "job once it has, or run it again.",
            code="no_result",
        )
    return source


def _check_metrics(context: Context, config: Config) -> None:
    make(MetricsConfig, config)


def _check_measured(session: Session, config: Config, dataset: Dataset) -> None:
    """Refuse a classifier or predictions that are not there, and data sets of another kind."""
    _check_levels(config, dataset)
    named, beside = config.get("classifier"), config.get(BESIDE)
    if named is not None:
        _check_samples(dataset)
        _succeeded(session, named, dataset.tenant, CLASSIFIER)
    elif beside is not None:
        _check_beside(DatasetRepository(session).get(beside, dataset.tenant), beside)
    elif _kind_of(dataset) not in (None, "vectors"):
        raise ConfigError(
            f"Expected a data set whose vectors are probabilities, found {_kind_of(dataset)} in "
            f"{dataset.id}; name a classifier, or predictions in a data set of their own.",
            code="bad_input",
        )


def _check_beside(beside: Dataset | None, named: str) -> None:
    if beside is None:
        raise not_found("data set", named)
    if _kind_of(beside) != LABELS:
        found = beside.state if _kind_of(beside) is None else _kind_of(beside)
        detail = f"expected a data set that is ready, of labels alone, found {found} in {named}"
        raise ConfigError(
            f"Setting {BESIDE}: {detail}; send the predictions as CSV with the option samples = "
            "labels, and wait until they are checked.",
            errors=[{"pointer": f"/{BESIDE}", "detail": detail}],
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
    CLASSIFIER: Kind(_check_classifier, _check_trainable, ("model", "card", "report")),
    ADVICE: Kind(_check_advice, _check_labels, ("advice", "report")),
    METRICS: Kind(_check_metrics, _check_measured, ("metrics", "report")),
}
