"""Everything of a trained classifier that is not a tensor, as JSON, and back.

Place: between `HierarchicalClassifier` and `falcon_svc.hierarchy.classifier.file`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from falcon_svc.errors import FalconError, StorageError
from falcon_svc.hierarchy.classifier.heads import make_head
from falcon_svc.hierarchy.classifier.label_forms import FORMS, columns
from falcon_svc.hierarchy.losses import NodeLoss, make_loss
from falcon_svc.hierarchy.tree import Tree

if TYPE_CHECKING:
    from falcon_svc.hierarchy.classifier.estimator import HierarchicalClassifier

SETTINGS = (
    *("loss", "inference", "hidden", "epochs", "batch_size", "learning_rate", "weight_decay"),
    *("loss_options", "inference_options"),
)
ENCODER = "encoder."
"""What the names of an encoder's files begin with among the tensors."""
PLAIN_KINDS = "biufUO"
"""Kinds of arrays that plain labels may be."""


def record_of(model: HierarchicalClassifier) -> dict[str, Any]:
    """Return the record, JSON-ready."""
    tree, seed = model.tree_, model.random_state
    return {
        "settings": settings_of(model),
        "random_state": int(seed) if isinstance(seed, int | np.integer) else None,
        "form": model.form_,
        "classes": _classes_of(model) if model.form_ == "classes" else None,
        "tree": {
            "names": list(tree.names),
            "parents": tree.parents.tolist(),
            "extra_parents": [list(edge) for edge in tree.extra_parents],
            "added_root": tree.added_root,
        },
        "scale": model.scale_,
        "n_features": model.n_features_in_,
        "feature_names": [str(name) for name in getattr(model, "feature_names_in_", [])],
        "loss_curve": model.loss_curve_,
        "card": model.card_,
    }


def encoder_tensors(model: HierarchicalClassifier) -> dict[str, NDArray[Any]]:
    """Return the files of its encoder as arrays of bytes."""
    files = model.encoder_files_.items()
    return {f"{ENCODER}{name}": np.frombuffer(content, np.uint8) for name, content in files}


def settings_of(model: HierarchicalClassifier) -> dict[str, Any]:
    """Return the settings of a classifier, JSON-ready."""
    return {name: _plain(getattr(model, name)) for name in SETTINGS}


def restore(
    model: HierarchicalClassifier,
    record: dict[str, Any],
    tensors: dict[str, NDArray[Any]],
    *,
    where: str,
) -> None:
    """Give a new estimator the state of a record.

    Raises
    ------
    StorageError
        The record does not fit together.
    """
    try:
        _restore(model, record, tensors)
    except (KeyError, TypeError, ValueError, RuntimeError, FalconError) as error:
        raise StorageError(
            f"Expected the record of a classifier in {where}, but it does not fit together "
            f"({error}); save it again with HierarchicalClassifier.save."
        ) from error


def _restore(
    model: HierarchicalClassifier, record: dict[str, Any], tensors: dict[str, NDArray[Any]]
) -> None:
    settings = {name: record["settings"][name] for name in SETTINGS}
    tree = _tree(record["tree"])
    model.set_params(**settings, random_state=record["random_state"])
    if record["form"] not in FORMS:
        raise ValueError(f"form {record['form']!r}")
    model.form_, model.tree_ = record["form"], tree
    model.tree = None if model.form_ == "classes" else tree
    model.classes_ = (
        _classes(record["classes"]) if model.form_ == "classes" else columns(model.form_, tree)
    )
    model.n_features_in_ = int(record["n_features"])
    if record["feature_names"]:
        model.feature_names_in_ = np.array(record["feature_names"], object)
    model.mean_, model.scale_ = tensors["mean"], float(record["scale"])
    model.loss_curve_, model.card_ = record["loss_curve"], record["card"]
    model.encoder_files_ = {
        name.removeprefix(ENCODER): tensor.tobytes()
        for name, tensor in tensors.items()
        if name.startswith(ENCODER)
    }
    _restore_head(model, {k[5:]: v for k, v in tensors.items() if k.startswith("head.")})


def _restore_head(model: HierarchicalClassifier, state: dict[str, NDArray[Any]]) -> None:
    _check_sizes(model, state)
    model._keep(*head_of(model, state, torch.Generator()))


def head_of(
    model: HierarchicalClassifier, state: dict[str, NDArray[Any]], generator: torch.Generator
) -> tuple[nn.Sequential, NodeLoss]:
    """Return a head of a classifier's settings with these tensors, free to move, and its loss.

    Parameters
    ----------
    model
        With its tree and the form of its labels.
    state
        Tensors by name, as `weights_` has them.
    generator
        What a head that draws numbers while it is trained draws from.
    """
    several = {"several": True} if (model.loss, model.form_) == ("hcal", "sets") else {}
    loss = make_loss(model.loss, model.tree_, **{**several, **(model.loss_options or {})})
    texts = next((v for k, v in state.items() if k.endswith("texts")), None)
    head = make_head(
        loss,
        model.n_features_in_,
        generator,
        hidden=model.hidden,
        texts=None if texts is None else torch.from_numpy(texts),
    )
    head.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    return head, loss


def _check_sizes(model: HierarchicalClassifier, state: dict[str, NDArray[Any]]) -> None:
    """Refuse a record that asks for a larger head than its tensors fill, before it is made."""
    width, n_inputs = model.hidden or model.n_features_in_, model.n_features_in_
    if len(model.mean_) != n_inputs:
        raise ValueError(f"{n_inputs} features, means of {len(model.mean_)}")
    top = state.get("1.weight" if model.hidden else "0.weight", np.empty((0, 0)))
    for name, array in state.items():
        if name.endswith("embedding") and array.shape != (width, width):
            raise ValueError(f"{name} is {array.shape}")
        if model.hidden and name == "0.weight" and array.shape != (width, n_inputs):
            raise ValueError(f"{name} is {array.shape}")
    if top.size and top.shape[-1] != width:
        raise ValueError(f"the head takes {top.shape[-1]} numbers, not {width}")


def _tree(record: dict[str, Any]) -> Tree:
    parents = np.array(record["parents"], np.int64)
    extra = tuple((int(child), int(parent)) for child, parent in record["extra_parents"])
    return Tree(tuple(record["names"]), parents, extra, bool(record["added_root"]))


def _classes_of(model: HierarchicalClassifier) -> dict[str, Any]:
    return {"dtype": model.classes_.dtype.str, "values": model.classes_.tolist()}


def _classes(record: dict[str, Any]) -> NDArray[Any]:
    dtype = np.dtype(record["dtype"])
    if dtype.kind not in PLAIN_KINDS:
        raise ValueError(f"labels of type {record['dtype']!r}")
    return np.array(record["values"], dtype)


def _plain(value: Any) -> Any:
    """Mappings as dictionaries, NumPy's numbers as Python's."""
    if hasattr(value, "items"):
        return {name: _plain(one) for name, one in value.items()}
    return value.item() if isinstance(value, np.generic) else value
