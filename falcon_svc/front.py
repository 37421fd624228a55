"""The front door for Python: `discover` and `predict` on whatever the user has.

Place: above everything but the command line. Data of any kind become a `CoarseDataset`, keywords
become the configuration, the pipeline writes a result directory, `Result` reads it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from falcon_svc.data import load_dataset
from falcon_svc.data.memory import GIVEN
from falcon_svc.errors import ConfigError
from falcon_svc.keywords import AUTO, config_of
from falcon_svc.result.result import Result

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig
    from falcon_svc.progress import Progress
    from falcon_svc.triage.continuing import Heir

AUTHOR = "falcon.discover"
"""Author of the first revision of a review that goes on from an earlier one."""


def discover(
    data: Any,
    coarse: str | ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    n_fine: int | str = AUTO,
    n_fine_per_coarse: Mapping[str, int | tuple[int, int]] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    continue_from: Result | str | Path | None = None,
    keep_classes: bool = False,
    config: DiscoveryConfig | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Discover the fine classes inside coarsely labelled data.

    Parameters
    ----------
    data
        Path of a file or folder; a DataFrame (pandas, polars, pyarrow); AnnData; a
        `datasets.Dataset`; an array (N, D) of numbers, also sparse, or (N, H, W[, 3]) uint8
        images; or N texts.
    coarse
        The column of coarse labels; or (N,) labels beside an array or a DataFrame, any values, None
        where unknown; or several label sources, name -> (N,) labels, the first one names the graph.
        None = the column is found by its name.
    n_fine
        The number of fine classes in all, >= 1; ``"auto"`` = it is estimated, with an interval.
    n_fine_per_coarse
        Coarse class -> number of fine classes, or (least, most).
    out
        Directory of the result; None = a temporary one, which goes when the result does.
    resume
        Whether to go on from what a stopped run with the same `out` left.
    continue_from
        An earlier result: in the review of the new one, its classes keep their ids, names and
        approvals, and what was said by hand stays.
    keep_classes
        Whether the classes of `continue_from` stay as they are: new samples join them, or are
        proposed as new classes.
    config
        Every setting that has no keyword.
    progress
        Told of stages and epochs; None = nobody.
    **settings
        ``sizes``, ``least_samples``, ``coarse_noise``, ``several_parents``, ``scale``,
        ``constraints``, ``encoder``, ``head``, ``epochs``, ``seed``, ``device``, ``id_column``,
        ``text_column``, ``vector_column``, ``feature_columns``, ``ignore_columns``,
        ``label_sources``, ``obsm_key``: docs/configuration.md says what each one means.

    Returns
    -------
    Result
        Every sample's class, the classes, the graph, a predictor, plots; kept in `out`.

    Raises
    ------
    InputError
        Anything wrong with the data.
    ConfigError
        A setting that is unknown, out of range, or contradicts the data.
    StorageError, DeviceError, DivergedError
        One sentence each; an earlier result in `out` is as it was.

    Examples
    --------
    >>> import numpy as np
    >>> import falcon_svc as falcon
    >>> rng = np.random.default_rng(0)
    >>> centres = 4 * rng.normal(size=(4, 8))
    >>> fine = np.repeat(np.arange(4), 50)
    >>> x = centres[fine] + rng.normal(size=(200, 8))
    >>> result = falcon.discover(x, ["bird" if k < 2 else "fish" for k in fine], n_fine=4)
    >>> result.n_fine
    4
    """
    began = time.monotonic()
    from falcon_svc.pipeline.discover import discover_to

    keywords = {"n_fine": n_fine, "n_fine_per_coarse": n_fine_per_coarse, **settings}
    config, labels = _with_coarse(config_of(config, keywords), coarse)
    dataset = load_dataset(data, config.reading, labels=labels)
    heir = _heir(continue_from, keep_classes=keep_classes)
    if out is not None:
        discover_to(
            Path(out),
            dataset,
            config,
            resume=resume,
            progress=progress,
            inherit=heir,
            began=began,
        )
        return Result(Path(out))
    temporary = Path(mkdtemp(prefix="falcon-"))
    directory = temporary / "result"
    discover_to(directory, dataset, config, progress=progress, inherit=heir, began=began)
    return Result(temporary / "result", temporary=temporary)


def predict(
    result: Result | str | Path,
    data: Any,
    coarse: str | ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    config: DiscoveryConfig | None = None,
    least_confidence: float = 0.0,
    precision: float | None = None,
) -> Any:
    """Return fine classes of new samples by the model of a result.

    Parameters
    ----------
    result
        A `Result`, or its directory.
    data, coarse
        As in `discover`, labels (N,) where they lie beside the data: columns, embedding and counts
        are taken as the discovery read them. One sample is enough; labels need not be there, and
        those that the model does not know are marked.
    config
        How the data are read; None = as the discovery's were.
    least_confidence
        Confidence in [0, 1] below which `abstained` is True.
    precision
        Wanted share in (0, 1) of right ones among those that are not `abstained`, estimated on the
        discovery's own assignments; None = any.

    Returns
    -------
    Predictions
        (N,) fine class, confidence, margin, runner-up, coarse class, distance and whether the
        model abstains; `notes` says what to know before trusting them.

    Raises
    ------
    InputError
        A feature is missing, or other dimensions than the model's.
    ConfigError
        A least confidence or precision outside its range.

    Examples
    --------
    >>> import falcon_svc as falcon
    >>> new = falcon.predict("birds", [[9.0, 0.1, -0.4, 0.2]])
    >>> new.fine.shape, bool(new.confidence[0] > 0.5)
    ((1,), True)
    """
    found = result if isinstance(result, Result) else Result(Path(result))
    given, labels = _given(coarse)
    from falcon_svc.pipeline.prediction import predict_samples
    from falcon_svc.result.surety import Demand

    new = predict_samples(
        found.directory,
        data,
        given,
        labels=labels,
        config=config.data if config else None,
        model=found.predictor,
        demand=Demand(least_confidence, precision),
    )
    return replace(new.found, notes=new.notes)


def _given(
    coarse: str | ArrayLike | Mapping[str, ArrayLike] | None,
) -> tuple[dict[str, Any], dict[str, ArrayLike]]:
    """Return what the user says of new samples' labels, and the labels that lie beside them."""
    if isinstance(coarse, str):
        return {"coarse_column": coarse}, {}
    return {}, _beside(coarse)


def _heir(earlier: Result | str | Path | None, *, keep_classes: bool) -> Heir | None:
    if earlier is None:
        if keep_classes:
            raise ConfigError(
                "Expected continue_from with keep_classes, found none; name the earlier result."
            )
        return None
    from falcon_svc.triage.continuing import Heir

    directory = earlier.directory if isinstance(earlier, Result) else Path(earlier)
    return Heir(directory, author=AUTHOR, keep_classes=keep_classes)


def _with_coarse(
    config: DiscoveryConfig, coarse: str | ArrayLike | Mapping[str, ArrayLike] | None
) -> tuple[DiscoveryConfig, dict[str, ArrayLike]]:
    """Return the settings that name the label columns, and the columns that lie beside the data."""
    if coarse is None:
        return config, {}
    if isinstance(coarse, str):
        return _reading(config, coarse_column=coarse), {}
    others = [*coarse][1:] if isinstance(coarse, Mapping) else []
    sources = {name: f"{GIVEN}_{name}" for name in others}
    return _reading(config, coarse_column=GIVEN, label_sources=sources), _beside(coarse)


def _beside(coarse: ArrayLike | Mapping[str, ArrayLike] | None) -> dict[str, ArrayLike]:
    """Return the label columns that lie beside the data, by the names that they get."""
    if coarse is None:
        return {}
    if not isinstance(coarse, Mapping):
        return {GIVEN: coarse}
    if not coarse:
        raise ConfigError(
            "Expected labels for at least one label source in coarse, found an empty mapping; give "
            "{'kind': labels}, or None to take the data's own column."
        )
    first, *others = coarse
    return {GIVEN: coarse[first], **{f"{GIVEN}_{name}": coarse[name] for name in others}}


def _reading(config: DiscoveryConfig, **changes: Any) -> DiscoveryConfig:
    data = config.data.model_copy(update=changes)
    return config.model_copy(update={"data": data})
