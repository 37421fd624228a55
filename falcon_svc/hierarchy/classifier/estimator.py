"""A hierarchical classifier on vectors, as a scikit-learn estimator.

Place: the front of `falcon_svc.hierarchy`: labels in any form, a loss over the tree, a head,
node probabilities, and a rule that decides on a node.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, validate_data
from torch import Tensor, nn

from falcon_svc.checkpoint import CheckpointStore
from falcon_svc.errors import ConfigError
from falcon_svc.hierarchy.classifier import file, record
from falcon_svc.hierarchy.classifier.card import model_card
from falcon_svc.hierarchy.classifier.decide import DEPTH_RULES, decide, rule_of
from falcon_svc.hierarchy.classifier.heads import make_head
from falcon_svc.hierarchy.classifier.label_forms import (
    Labels,
    array_like,
    is_plain,
    read_labels,
    read_texts,
    written,
)
from falcon_svc.hierarchy.classifier.samples import Vectors
from falcon_svc.hierarchy.classifier.state import Resumable
from falcon_svc.hierarchy.classifier.train import Training, train
from falcon_svc.hierarchy.losses import HCCF, NodeLoss, make_loss
from falcon_svc.hierarchy.tree import Tree
from falcon_svc.progress import Progress

ROWS_AT_ONCE = 4096
SEEDS = 2**31 - 1


class HierarchicalClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Classify vectors into the nodes of a tree.

    Parameters
    ----------
    loss
        What is trained, one of `falcon_svc.hierarchy.losses.LOSSES`.
    inference
        How a node is chosen, one of `falcon_svc.hierarchy.classifier.RULES`; "bottom_up" is the
        most probable leaf.
    tree
        The tree; None = made of the paths that `fit` gets.
    hidden
        Units of a hidden layer; 0 = a linear head.
    epochs
        Passes over the data; None = 5, or as many as make 200 steps.
    batch_size
        Samples per step; None = 1/40 of the data, from 16 to 256.
    learning_rate, weight_decay
        Learning rate, > 0, and weight decay, >= 0, of AdamW; a weight_decay of None = D / 128, at
        most 1. Where predictions are too little sure lower it, where a set is small or noisy
        raise it.
    loss_options, inference_options
        Keyword arguments of the loss and of the rule, such as ``{"dilution": 0.7}``.
    texts
        For the loss "hccf": text embeddings of the class names, as (n_nodes, E) array in the
        order of the tree's nodes, a mapping from names to vectors, or the path of an ``.npz``
        file with arrays `names` and `embeddings`.
    random_state
        Seed of the order of the samples and of what a head draws; an int gives the same weights
        again on the same machine and number of threads.

    Attributes
    ----------
    tree_
        The tree.
    classes_
        What each column of `predict_proba` stands for: the labels' values where they were plain;
        else the node's name (labels were names) or path as a tuple, in the order of the tree.
    n_features_in_, feature_names_in_
        As in scikit-learn.
    loss_curve_
        Mean training loss of each epoch.
    card_
        Model card: what it was trained on and how, with room for ``card_["metrics"]``.
    encoder_files_
        Name -> bytes of the encoder that made the vectors, where one is kept with the classifier.

    Notes
    -----
    Features are shifted by their means and divided by one number, the root mean square of all
    columns, so that learning rate and weight decay mean the same on every data set; scale single
    columns before where their units differ. Probabilities are computed in float64, and those of
    a row do not depend on the other rows.

    Examples
    --------
    >>> import numpy as np
    >>> from falcon_svc.hierarchy.classifier import HierarchicalClassifier
    >>> X = np.array([[0.0, 0], [0, 1], [5, 0], [5, 1]] * 10)
    >>> paths = [("bird", "jay"), ("bird", "wren"), ("fish", "cod"), ("fish", "eel")] * 10
    >>> model = HierarchicalClassifier(random_state=0).fit(X, paths)
    >>> model.predict([[5, 1]]).tolist()
    [['fish', 'eel']]
    """

    def __init__(
        self,
        loss: str = "hace",
        inference: str = "bottom_up",
        *,
        tree: Tree | None = None,
        hidden: int = 0,
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.03,
        weight_decay: float | None = None,
        loss_options: Mapping[str, Any] | None = None,
        inference_options: Mapping[str, Any] | None = None,
        texts: Any = None,
        random_state: Any = None,
    ) -> None:
        self.loss = loss
        self.inference = inference
        self.tree = tree
        self.hidden = hidden
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.loss_options = loss_options
        self.inference_options = inference_options
        self.texts = texts
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: Any) -> Self:
        """Train on vectors and labels.

        Parameters
        ----------
        X
            (n, D) finite numbers.
        y
            (n, levels) array of names, top level first, "" behind the end of shorter paths (as
            HiClass takes it); or n paths of any lengths; or (n,) names of nodes of `tree`, ""
            where there is no label; or (n, n_nodes) bool, sets of nodes of `tree`, for losses
            that take them; or (n,) any values, which are then classes under one root. Paths may
            end at internal nodes: such samples train what they can.

        Returns
        -------
        HierarchicalClassifier
            The estimator itself, trained.

        Raises
        ------
        ConfigError
            A setting that does not exist or is out of range.
        InputError
            Labels that are not in the tree, or a loss that cannot take this tree or sets.
        ValueError
            scikit-learn's, of X: wrong shapes, NaN or infinity, and of y: numbers that are no
            classes.
        """
        return self.fit_resumable(X, y)

    def fit_resumable(
        self,
        X: ArrayLike,
        y: Any,
        *,
        checkpoints: CheckpointStore | None = None,
        progress: Progress | None = None,
    ) -> Self:
        """Train as `fit` does, in a way that may be stopped and gone on with, bit for bit.

        Parameters
        ----------
        X
            (n, D) finite numbers.
        y
            Labels, as in `fit`.
        checkpoints
            Where the state is kept after every epoch; None = nowhere.
        progress
            Told of every epoch; it may raise to stop.

        Returns
        -------
        HierarchicalClassifier
            The estimator itself, trained.

        Raises
        ------
        StorageError
            A checkpoint cannot be written, or belongs to another training.
        """
        vectors, labels = self._read(X, y)
        settings = self._training(vectors.shape[1])
        seed = int(check_random_state(self.random_state).randint(SEEDS))
        generator = torch.Generator().manual_seed(seed)
        loss = make_loss(self.loss, labels.tree, **self._loss_options(labels))
        self._check_together(loss, labels)
        self._learn_scale(vectors)
        texts = read_texts(self.texts, labels.tree) if isinstance(loss, HCCF) else None
        head = make_head(
            loss,
            vectors.shape[1],
            generator,
            hidden=self.hidden,
            texts=None if texts is None else torch.from_numpy(texts),
        )
        samples = Vectors(torch.from_numpy(self._scaled(vectors).astype(np.float32)))
        targets = torch.from_numpy(labels.nodes)
        resumable = None if checkpoints is None else self._resumable(checkpoints, labels, seed)
        self.loss_curve_ = train(
            head, loss, samples, targets, settings, generator, progress, resumable
        )
        self.tree_, self.classes_, self.form_ = labels.tree, labels.classes, labels.form
        self._keep(head, loss)
        self.card_ = model_card(self, vectors, labels)
        self.encoder_files_: dict[str, bytes] = {}
        return self

    def _resumable(self, checkpoints: CheckpointStore, labels: Labels, seed: int) -> Resumable:
        tree = [list(labels.tree.names), labels.tree.parents.tolist()]
        return Resumable(checkpoints, [record.settings_of(self), seed, tree])

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the chosen node of each row, in the form that `fit` got.

        Parameters
        ----------
        X
            (n, D) finite numbers, as many columns as in `fit`.

        Returns
        -------
        ndarray
            (n, levels) names with "" behind shorter paths; (n,) names of nodes; (n,) values; or
            (n, n_nodes) bool: nodes with a probability above 0.5, where labels were sets.
        """
        probabilities = self.node_proba(X)
        if self.form_ == "sets":
            return probabilities > 0.5
        nodes = decide(self.inference, probabilities, self.tree_, self.inference_options)
        return written(nodes, self.form_, self.tree_, self.classes_)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of each of `classes_`.

        Parameters
        ----------
        X
            (n, D) finite numbers, as many columns as in `fit`.

        Returns
        -------
        ndarray
            (n, len(classes_)). Where labels were plain values the rows sum to 1; otherwise there
            is a column for every node of the tree, root included, as in `node_proba`.
        """
        probabilities = self.node_proba(X)
        return probabilities[:, 1:] if self.form_ == "classes" else probabilities

    def node_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return the probability of belonging to each node; 1 for the root.

        Parameters
        ----------
        X
            (n, D) finite numbers, as many columns as in `fit`.

        Returns
        -------
        NDArray[float64]
            (n, n_nodes) in [0, 1], as inference rules and metrics of `falcon_svc.hierarchy` take.
        """
        check_is_fitted(self)
        vectors = validate_data(self, X, dtype=np.float64, reset=False)
        scaled = torch.from_numpy(self._scaled(vectors))
        with torch.inference_mode():
            parts = [self._log_prob(rows).exp() for rows in torch.split(scaled, ROWS_AT_ONCE)]
        return torch.cat(parts).numpy()

    def save(self, path: str | Path) -> None:
        """Write the classifier to one file: safetensors, with everything else as JSON in it.

        Parameters
        ----------
        path
            The file to write, usually NAME.model; an existing one is replaced.

        Raises
        ------
        StorageError
            It cannot be written.
        """
        check_is_fitted(self)
        file.write(Path(path), self._to_bytes())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a classifier that `save` wrote; runs no code from the file.

        Parameters
        ----------
        path
            A file of `save`.

        Raises
        ------
        StorageError
            It is missing, damaged or of another version.
        """
        model = cls()
        model._from_bytes(file.read(Path(path)), where=str(path))
        return model

    def _read(self, X: ArrayLike, y: Any) -> tuple[NDArray[np.float64], Labels]:
        y = array_like(y)
        if y is None or (self.tree is None and is_plain(y)):
            X, y = validate_data(self, X, y, dtype=np.float64, multi_output=False)
            check_classification_targets(y)
            return np.asarray(X), read_labels(y, None)
        vectors = validate_data(self, X, dtype=np.float64)
        check_consistent_length(vectors, y)
        return vectors, read_labels(y, self.tree)

    def _training(self, n_inputs: int) -> Training:
        if self.hidden < 0:
            raise ConfigError(f"Expected hidden units of 0 or more, found {self.hidden}.")
        given = Training(self.epochs, self.batch_size, self.learning_rate, self.weight_decay)
        return given.of(n_inputs)

    def _loss_options(self, labels: Labels) -> dict[str, Any]:
        several = {"several": True} if (self.loss, labels.form) == ("hcal", "sets") else {}
        return {**several, **(self.loss_options or {})}

    def _check_together(self, loss: NodeLoss, labels: Labels) -> None:
        rule_of(self.inference)
        if labels.form == "sets" and not loss.takes_several:
            raise ConfigError(
                f"Expected one path per sample for the loss {self.loss}, found sets of labels; "
                "take multilabel_focal or hcal."
            )
        if labels.form == "classes" and self.inference in DEPTH_RULES:
            raise ConfigError(
                f"Expected paths or a tree for the inference {self.inference}, which may stop "
                "at the root, found plain classes; take bottom_up."
            )

    def _learn_scale(self, vectors: NDArray[np.float64]) -> None:
        self.mean_ = vectors.mean(axis=0)
        spread = float(np.sqrt(np.mean((vectors - self.mean_) ** 2)))
        self.scale_ = spread or 1.0

    def _scaled(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        scaled: NDArray[np.float64] = (vectors - self.mean_) / self.scale_
        return scaled

    def _keep(self, head: nn.Module, loss: NodeLoss) -> None:
        self.weights_ = {name: value.numpy() for name, value in head.state_dict().items()}
        self._model = (head.double().requires_grad_(False).eval(), loss)

    def _log_prob(self, inputs: Tensor) -> Tensor:
        head, loss = self._model
        return loss.log_prob(head(inputs))

    def _to_bytes(self) -> bytes:
        tensors = {"mean": self.mean_, **{f"head.{k}": v for k, v in self.weights_.items()}}
        return file.to_bytes(record.record_of(self), tensors | record.encoder_tensors(self))

    def _from_bytes(self, content: bytes, *, where: str) -> None:
        found, tensors = file.from_bytes(content, where=where)
        record.restore(self, found, tensors, where=where)

    def __getstate__(self) -> dict[str, Any]:
        """Return settings and, where it is trained, the bytes that `save` would write."""
        if not hasattr(self, "weights_"):
            return super().__getstate__()  # type: ignore[no-any-return]
        return {"settings": self.get_params(deep=False), "saved": self._to_bytes()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Read what `__getstate__` returned."""
        if "saved" not in state:
            super().__setstate__(state)
            return
        self.__dict__.update(state["settings"])
        self._from_bytes(state["saved"], where="the pickled classifier")
        self.__dict__.update(state["settings"])
