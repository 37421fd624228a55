"""Putting the tensors of a file into a network that they fit, or saying what does not fit.

Files of self-supervised training hold more than the backbone and name it in their own way:
`module.` (data parallel), `_orig_mod.` (compiled), then `backbone.` (solo-learn, DINO),
`base_encoder.` (MoCo v3), `encoder_q.` (MoCo v2). The prefix under which most of the network's
tensors are found is taken; what has another one (projector, momentum network) is left out, and
so is everything below the network's classifier, which a feature extractor does not have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product

from torch import Tensor, nn

from falcon_svc.errors import ConfigError

OUTER = ("", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.")
INNER = ("", "backbone.", "base_encoder.", "encoder_q.", "encoder.", "model.", "network.")
PREFIXES = tuple(outer + inner for outer, inner in product(OUTER, INNER))
COUNTERS = "num_batches_tracked"  # of BatchNorm, not in old files, without effect on features
SHOWN = 3


def fit_weights(
    network: nn.Module, tensors: Mapping[str, Tensor], *, heads: tuple[str, ...] = (), where: str
) -> None:
    """Load a file's tensors into a network.

    Parameters
    ----------
    network
        Without its classifier.
    tensors
        As the file names them.
    heads
        Names of the classifier's modules: tensors below them are dropped.
    where
        Network and file, for the message.

    Raises
    ------
    ConfigError
        Tensors are missing, unexpected or of another shape; the sentence names them.
    """
    state = network.state_dict()
    found = _backbone(tensors, state, heads)
    misfits = _misfits(state, found)
    if misfits:
        raise ConfigError(
            f"Expected the weights of {where}, found {', '.join(misfits)}; give a file of this "
            "architecture, or name the architecture of the file.",
            code="bad_encoder",
        )
    state.update(found)  # keeps its version marks, which some networks ask for
    network.load_state_dict(state)


def _backbone(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Tensor], heads: tuple[str, ...]
) -> dict[str, Tensor]:
    """The tensors under the best prefix, by the network's names, without the classifier's."""
    prefix = max(PREFIXES, key=lambda p: sum(p + name in tensors for name in wanted))
    own = {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}
    below = tuple(f"{head}." for head in heads)
    return {name: t for name, t in own.items() if not f"{name}.".startswith(below)}


def _misfits(wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> list[str]:
    both = [name for name in wanted if name in found]
    shapes = [
        f"{name} {tuple(found[name].shape)} instead of {tuple(wanted[name].shape)}"
        for name in both
        if found[name].shape != wanted[name].shape
    ]
    missing = (n for n in wanted.keys() - found.keys() if not n.endswith(COUNTERS))
    return [
        *_named(missing, "missing"),
        *_named(found.keys() - wanted.keys(), "unexpected"),
        *_named(shapes, "of another shape"),
    ]


def _named(names: Iterable[str], what: str) -> list[str]:
    """One phrase with the first few names, or none."""
    names = sorted(names)
    more = ", ..." if len(names) > SHOWN else ""
    return [f"{len(names):,} {what} ({', '.join(names[:SHOWN])}{more})"] if names else []
