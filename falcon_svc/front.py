"""The front door for Python: `discover` and `predict` on whatever the user has.

Place: above everything but the command line. Data of any kind become a `CoarseDataset`, keywords
become the configuration, the pipeline writes a result directory, `Result` reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def discover(
    data: Any,
    coarse: str | ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    n_fine: int | str = AUTO,
    n_fine_per_coarse: Mapping[str, int | tuple[int, int]] | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    config: DiscoveryConfig | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Discover the fine classes inside coarsely labelled data.

    Parameters
    ----------
    data
        Path of a file or folder; a DataFrame (pandas, polars, pyarrow); AnnData; a
        `datasets.Dataset`; or an array (N, D) of numbers, also sparse, or (N, H, W[, 3]) uint8
        images.
    coarse
        The column of coarse labels; or N labels beside an array or a DataFrame, any values, None
        where unknown; or several label sources, name -> N labels, the first one names the graph.
        None = the column is found by its name.
    n_fine
        The number of fine classes in all; ``"auto"`` = it is estimated, with an interval.
    n_fine_per_coarse
        Coarse class -> number of fine classes, or (least, most).
    out
        Directory of the result; None = a temporary one, which goes when the result does.
    resume
        Whether to go on from what a stopped run with the same `out` left.
    config
        Every setting that has no keyword.
    progress
        Told of stages and epochs; None = nobody.
    **settings
        ``sizes``, ``least_samples``, ``coarse_noise``, ``several_parents``, ``scale``,
        ``encoder``, ``head``, ``epochs``, ``seed``, ``device``, ``id_column``, ``text_column``,
        ``vector_column``, ``feature_columns``, ``ignore_columns``, ``label_sources``,
        ``obsm_key``: docs/configuration.md says what each one means.

    Returns
    -------
    Result

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
    from falcon_svc.pipeline.discover import discover_to

    keywords = {"n_fine": n_fine, "n_fine_per_coarse": n_fine_per_coarse, **settings}
    config, labels = _with_coarse(config_of(config, keywords), coarse)
    dataset = load_dataset(data, config.data, labels=labels)
    if out is not None:
        discover_to(Path(out), dataset, config, resume=resume, progress=progress)
        return Result(Path(out))
    temporary = Path(mkdtemp(prefix="falcon-"))
    discover_to(temporary / "result", dataset, config, progress=progress)
    return Result(temporary / "result", temporary=temporary)


def predict(
    result: Result | str | Path,
    data: Any,
    coarse: str | ArrayLike | Mapping[str, ArrayLike] | None = None,
    *,
    config: DiscoveryConfig | None = None,
) -> Any:
    """Return fine classes of new samples by the model of a result.

    Parameters
    ----------
    result
        A `Result`, or its directory.
    data, coarse
        As in `discover`; vectors in the form that the discovery was given. Without labels, `data`
        must be an array.
    config
        How the data are read.

    Returns
    -------
    Predictions
        (N,) fine class, confidence, margin, runner-up and coarse class.

    Raises
    ------
    InputError
        Other features than the model's, or labels that it does not know.
    """
    found = result if isinstance(result, Result) else Result(Path(result))
    if coarse is None and not isinstance(data, str | Path) and hasattr(data, "dtype"):
        return found.predict(data)
    config, labels = _with_coarse(config_of(config, {}), coarse)
    model = found.predictor
    dataset = load_dataset(data, config.data, labels=labels, like=_columns(model.features))
    if dataset.vectors is None:
        raise ConfigError(
            "Expected vectors, found images; falcon predict applies the result's encoder to them."
        )
    names = {s.name: [None if k < 0 else s.names[k] for k in s.labels] for s in dataset.sources}
    return model.predict(dataset.vectors, names)


def _columns(features: tuple[str, ...] | None) -> Any:
    from falcon_svc.types import Reading

    return Reading(features=features)


def _with_coarse(
    config: DiscoveryConfig, coarse: str | ArrayLike | Mapping[str, ArrayLike] | None
) -> tuple[DiscoveryConfig, dict[str, ArrayLike]]:
    """Return the settings that name the label columns, and the columns that lie beside the data."""
    if coarse is None:
        return config, {}
    if isinstance(coarse, str):
        return _reading(config, coarse_column=coarse), {}
    if not isinstance(coarse, Mapping):
        return _reading(config, coarse_column=GIVEN), {GIVEN: coarse}
    first, *others = coarse
    columns = {GIVEN: coarse[first], **{f"{GIVEN}_{name}": coarse[name] for name in others}}
    sources = {name: f"{GIVEN}_{name}" for name in others}
    return _reading(config, coarse_column=GIVEN, label_sources=sources), columns


def _reading(config: DiscoveryConfig, **changes: Any) -> DiscoveryConfig:
    data = config.data.model_copy(update=changes)
    return config.model_copy(update={"data": data})
