"""How many samples of a class to look at before it is accepted with a promise, and which."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.triage.questions import AcceptClass
from falcon_svc.triage.state import Review
from falcon_svc.triage.stop_rule import rows_to_look_at, sampling_plan


def acceptance_of(
    review: Review, class_id: str, *, purity: float, confidence: float, most_wrong: int
) -> dict[str, Any]:
    """Return the plan for accepting a class, and the question that goes with it, JSON-ready.

    Parameters
    ----------
    review : Review
    class_id : str
    purity, confidence : float in (0, 1)
    most_wrong : int >= 0

    Raises
    ------
    CorrectionError
        There is no such class, or it holds no samples.
    """
    held = review.find(class_id)
    rows = review.members(held.number)
    if not len(rows):
        raise CorrectionError(f"{held.name!r} holds no samples; nothing can be accepted.")
    plan = sampling_plan(len(rows), most_wrong=most_wrong, purity=purity, confidence=confidence)
    drawn = rows_to_look_at(rows, plan, seed=held.number)
    ids = tuple(review.ids[row] for row in drawn.tolist())
    question = AcceptClass(
        text=plan.sentence(),
        gain=float(plan.saved),
        shown={"class_id": held.id, "name": held.name, "exemplars": ids[:1]},
        look_at=ids,
        most_wrong=most_wrong,
    )
    return {"plan": asdict(plan), "question": question.model_dump(mode="json")}
