"""What a result says where thousands of classes were treated otherwise than fewer ones."""

from __future__ import annotations

from falcon_svc.discovery.counts.total_stability import MOST_COARSE
from falcon_svc.discovery.training.config import TrainConfig
from falcon_svc.types import Note

CODE = "thousands_of_classes"


def size_notes(
    asked: TrainConfig, n_samples: int, n_fine: int, n_coarse: int, *, counted: bool
) -> tuple[Note, ...]:
    """Return the notes on what was shortened.

    Parameters
    ----------
    asked
        The settings of training.
    n_samples, n_fine, n_coarse
        N, F and C.
    counted
        Whether counts were looked for rather than given.
    """
    full, used = asked.for_data(n_samples, 1), asked.for_data(n_samples, n_fine, n_coarse)
    notes = []
    if used != full:
        text = (
            f"With {n_fine:,} fine classes the head was trained for {_epochs(used.epochs)}, "
            f"where few would get {full.epochs}, and the relation solved every "
            f"{used.solve_every} steps; set train.most_sample_steps to none for all epochs."
        )
        notes.append(Note(CODE, text))
    if counted and n_coarse > MOST_COARSE:
        text = (
            f"How stable a number of classes is was measured on {MOST_COARSE} of the "
            f"{n_coarse:,} coarse classes, drawn at random; each has evidence of its own."
        )
        notes.append(Note(CODE, text))
    return tuple(notes)


def _epochs(number: int) -> str:
    return "1 epoch" if number == 1 else f"{number} epochs"
