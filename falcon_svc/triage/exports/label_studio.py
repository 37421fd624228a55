"""Label Studio: tasks with predictions, and the Taxonomy labelling config that shows them.

Format: https://labelstud.io/guide/tasks and /tags/taxonomy. A choice is the path from the coarse
class to the class, ``["bird", "jay"]``. Each task carries the sample's id in ``data.id``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from falcon_svc import __version__
from falcon_svc.result.words import printable
from falcon_svc.triage.exports.table import score_of
from falcon_svc.triage.session import Session
from falcon_svc.types import CoarseDataset

FROM_NAME, TO_NAME = "class", "sample"
IMAGE_PREFIX = "/data/local-files/?d="


def label_studio_tasks(
    session: Session, dataset: CoarseDataset | None = None
) -> list[dict[str, Any]]:
    """Return one task per sample, with the present class as a prediction where it has one."""
    review, confidence = session.review, session.confidence()
    texts = (
        {}
        if dataset is None or dataset.texts is None
        else dict(zip(dataset.ids, dataset.texts, strict=True))
    )
    image = dataset is not None and dataset.images is not None
    version = f"falcon-svc {__version__} {session.head[:12]}"
    tasks = []
    for row, name in enumerate(review.ids):
        data = {"id": name, "text": texts.get(name, name)}
        if image:
            data["image"] = f"{IMAGE_PREFIX}{name}"
        held = review.classes.get(int(review.fine[row]))
        made = (
            []
            if held is None
            else [
                {
                    "model_version": version,
                    **score_of(confidence[row]),
                    "result": [_result(_path(session, row, held.name))],
                }
            ]
        )
        tasks.append({"data": data, "predictions": made})
    return tasks


def taxonomy_config(session: Session, *, image: bool = False) -> str:
    """Return the labelling config: the sample, and a Taxonomy of coarse classes and classes."""
    review = session.review
    shown = (
        f'  <Image name="{TO_NAME}" value="$image"/>'
        if image
        else f'  <Text name="{TO_NAME}" value="$text"/>'
    )
    lines = ["<View>", shown, f'  <Taxonomy name="{FROM_NAME}" toName="{TO_NAME}">']
    for q, coarse in enumerate(review.coarse_names):
        lines.append(f"    <Choice value={_quoted(coarse)}>")
        for held in review.siblings(q):
            lines.append(f"      <Choice value={_quoted(held.name)} alias={_quoted(held.id)}/>")
        lines.append("    </Choice>")
    return "\n".join([*lines, "  </Taxonomy>", "</View>", ""])


def write_label_studio(session: Session, dataset: CoarseDataset | None, folder: Path) -> None:
    """Write `tasks.json` and `config.xml` into a folder."""
    image = dataset is not None and dataset.images is not None
    tasks = json.dumps(label_studio_tasks(session, dataset), ensure_ascii=False, indent=1)
    (folder / "tasks.json").write_text(tasks + "\n", "utf-8")
    (folder / "config.xml").write_text(taxonomy_config(session, image=image), "utf-8")


def _result(path: list[str]) -> dict[str, Any]:
    return {
        "from_name": FROM_NAME,
        "to_name": TO_NAME,
        "type": "taxonomy",
        "value": {"taxonomy": [path]},
    }


def _path(session: Session, row: int, name: str) -> list[str]:
    """The coarse class of the sample and the class; of an unlabelled sample the class's own."""
    review = session.review
    held = review.classes[int(review.fine[row])]
    coarse = int(review.coarse[row])
    return [review.coarse_names[coarse if coarse >= 0 else held.parents[0]], name]


def _quoted(text: str) -> str:
    return quoteattr(printable(text))
