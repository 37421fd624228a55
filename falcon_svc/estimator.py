"""`FineClassDiscovery`: the discovery as a scikit-learn estimator on vectors.

Place: beside `front`. `fit` runs the pipeline in memory; prediction is the predictor of results.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from falcon_svc.columns import unmasked
from falcon_svc.data import load_dataset
from falcon_svc.data.labels import as_strings
from falcon_svc.data.memory import GIVEN
from falcon_svc.errors import InputError
from falcon_svc.keywords import AUTO, config_of
from falcon_svc.result.predictor import Predictor
from falcon_svc.result.record import Discovery
from falcon_svc.result.surety import Demand
from falcon_svc.types import FloatArray, IntArray

ABSTAINED = -1
MISSING = ("", "-1", "nan")
"""How a missing label reads as text."""

if TYPE_CHECKING:
    from falcon_svc.config import DiscoveryConfig


class FineClassDiscovery(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Find the fine classes inside coarse classes.

    Parameters
    ----------
    n_fine : int or "auto"
        Number of fine classes in all, >= 1; "auto" = it is estimated.
    n_fine_per_coarse : dict or None
        Coarse class -> number of fine classes, or (least, most).
    sizes : {"auto", "equal", "natural", "long tail"}
        How many samples the fine classes have: about equally many, or as in nature.
    least_samples : int >= 1
        No fine class has fewer samples.
    coarse_noise : "none", "auto" or float in [0, 0.5)
        Share of wrong coarse labels; "auto" = it is estimated.
    scale : {"none", "standard", "robust"}
        How columns are brought to one scale.
    head : {"linear", "mlp", "prototype"} or None
        Kind of head; None = linear.
    epochs : int or None
        Passes of head training, >= 1; None = the default.
    device : {"auto", "cpu", "cuda"}
        Where the head is trained.
    random_state : int, RandomState or None
        The same integer gives the same answer; None draws a seed from numpy.
    config : DiscoveryConfig or None
        Every setting that has no parameter here.

    Attributes
    ----------
    labels_ : int64 (N,)
        Fine class of each sample, in [0, F).
    confidence_ : float32 (N,)
        Probability in [0, 1] of the class among those of the sample's coarse label.
    n_fine_ : int
        F.
    n_fine_interval_ : tuple of int
        The 90 % interval of F; F twice where it was given.
    n_fine_per_coarse_ : dict
        Coarse class -> number of fine classes.
    fine_to_coarse_ : (F,)
        The coarse class of each fine class, as it was written in `y`.
    coarse_classes_ : (C,)
        The coarse classes.
    discovery_ : Discovery
        The whole record: intervals, verdicts, relation, notes.
    n_features_in_ : int
        D.

    Raises
    ------
    InputError, ConfigError
        One sentence, the same as the command line gives.

    Notes
    -----
    Missing coarse labels are -1, None or NaN: such samples get their class by their features.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc import FineClassDiscovery
    >>> rng = np.random.default_rng(0)
    >>> fine = np.repeat(np.arange(4), 50)
    >>> x = 4 * rng.normal(size=(4, 8))[fine] + rng.normal(size=(200, 8))
    >>> coarse = np.array(["bird", "bird", "fish", "fish"])[fine]
    >>> found = FineClassDiscovery(n_fine=4, random_state=0).fit(x, coarse)
    >>> found.fine_to_coarse_.tolist()
    ['bird', 'bird', 'fish', 'fish']
    >>> found.predict(x[:1], coarse=["bird"]) == found.labels_[:1]
    array([ True])
    """

    def __init__(
        self,
        n_fine: int | str = AUTO,
        *,
        n_fine_per_coarse: Mapping[Any, Any] | None = None,
        sizes: str = AUTO,
        least_samples: int = 1,
        coarse_noise: str | float = "none",
        scale: str = "none",
        head: str | None = None,
        epochs: int | None = None,
        device: str = AUTO,
        random_state: Any = None,
        config: DiscoveryConfig | None = None,
    ) -> None:
        self.n_fine = n_fine
        self.n_fine_per_coarse = n_fine_per_coarse
        self.sizes = sizes
        self.least_samples = least_samples
        self.coarse_noise = coarse_noise
        self.scale = scale
        self.head = head
        self.epochs = epochs
        self.device = device
        self.random_state = random_state
        self.config = config

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.non_deterministic = False
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Discover the fine classes.

        Parameters
        ----------
        X : (N, D)
            Finite numbers.
        y : (N,)
            Coarse labels, any values; they are not optional, scikit-learn's signature is.

        Returns
        -------
        FineClassDiscovery
            The estimator itself, fitted.

        Raises
        ------
        ValueError
            No `y`; or scikit-learn's, of X: wrong shapes, NaN or infinity.
        """
        from falcon_svc.pipeline.discover import discover

        vectors = validate_data(self, unmasked(X), ensure_min_samples=2, ensure_min_features=2)
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None: coarse labels.")
        labels = column_or_1d(y, dtype=None, warn=True)
        check_consistent_length(vectors, labels)
        settings = self._config()
        dataset = load_dataset(vectors, settings.data, labels={GIVEN: labels})
        run = discover(dataset, settings)
        self.predictor_ = Predictor.of_files(run.model.files())
        self._keep(run.discovery, _by_name(labels))
        return self

    def predict(
        self, X: ArrayLike, coarse: ArrayLike | None = None, *, precision: float | None = None
    ) -> IntArray:
        """Return the fine classes of new samples; labels in `coarse` narrow the choice.

        Parameters
        ----------
        X : (N, D)
            Finite numbers, the columns as in `fit`.
        coarse : (N,), optional
            Coarse labels, any values; -1, None or NaN where unknown.
        precision : float in (0, 1), optional
            Wanted share of right ones among the classes that are given, estimated on the samples
            of `fit` and the classes found there; None = every sample gets one.

        Returns
        -------
        NDArray[int64]
            (N,) in [0, F); -1 where the model is less sure than `precision` needs.
        """
        model, demand = self._predictor(), Demand(precision=precision)
        found = model.predict(self._vectors(X), self._names(coarse), demand=demand)
        return np.where(found.abstained, ABSTAINED, found.fine)

    def predict_proba(self, X: ArrayLike, coarse: ArrayLike | None = None) -> FloatArray:
        """Return the probability of each fine class; 0 where a label in `coarse` rules it out.

        Parameters
        ----------
        X : (N, D)
            Finite numbers, the columns as in `fit`.
        coarse : (N,), optional
            Coarse labels, any values; -1, None or NaN where unknown.

        Returns
        -------
        NDArray[float32]
            (N, F) in [0, 1], rows sum to 1.
        """
        return self._predictor().probabilities(self._vectors(X), self._names(coarse))

    def _config(self) -> DiscoveryConfig:
        taken = (
            *("n_fine", "sizes", "least_samples", "coarse_noise", "scale", "head", "epochs"),
            "device",
        )
        given = {name: getattr(self, name) for name in taken}
        given["seed"] = self._seed()
        if self.n_fine_per_coarse is not None:
            counts = self.n_fine_per_coarse.items()
            given["n_fine_per_coarse"] = {_text(name): _plain(n) for name, n in counts}
        return config_of(self.config, given)

    def _seed(self) -> int:
        if self.random_state is None or not isinstance(self.random_state, int | np.integer):
            return int(check_random_state(self.random_state).randint(2**31 - 1))
        return int(self.random_state)

    def _keep(self, found: Discovery, values: Mapping[str, Any]) -> None:
        names = found.relations[0].coarse_names
        self.discovery_ = found
        self.labels_ = found.assignments.fine
        self.confidence_ = found.assignments.confidence
        self.n_fine_ = found.n_fine
        self.n_fine_interval_ = found.n_fine_interval
        self.coarse_classes_ = np.array([values[name] for name in names])
        self.fine_to_coarse_ = self.coarse_classes_[found.relations[0].relation.argmax(axis=1)]
        self.n_fine_per_coarse_ = {values[names[c.coarse]]: c.n_fine for c in found.counts}

    def _predictor(self) -> Predictor:
        check_is_fitted(self, "predictor_")
        return self.predictor_

    def _vectors(self, X: ArrayLike) -> NDArray[Any]:
        return np.asarray(validate_data(self, unmasked(X), reset=False, dtype="numeric"))

    def _names(self, coarse: ArrayLike | None) -> list[str | None] | None:
        if coarse is None:
            return None
        values = column_or_1d(coarse, dtype=None)
        if values.dtype.kind not in "OUSbiuf":
            raise InputError(f"Expected coarse labels, found values of type {values.dtype}.")
        names = as_strings(values, what="coarse", where="predict")
        known = {*self._predictor().sources[0][1], *MISSING}
        if strange := [name for name in names if name not in known]:
            raise InputError(
                f"Expected coarse classes of the discovery, found {strange[0][:60]!r}; leave "
                "unknown ones None."
            )
        return [None if name in MISSING else name for name in names]


def _by_name(labels: NDArray[Any]) -> dict[str, Any]:
    """Return the name of each coarse class -> how it is written in the labels."""
    names = as_strings(labels, what="y", where="fit")
    return dict(zip(reversed(names), reversed(labels.tolist()), strict=True))


def _text(name: Any) -> str:
    return as_strings(np.array([name]), what="n_fine_per_coarse", where="the settings")[0]


def _plain(count: Any) -> Any:
    return tuple(int(n) for n in count) if np.ndim(count) else int(count)
