"""What a run's stages found, as the record of a discovery and the model that predicts with it.

Place: the end of `falcon_svc.pipeline.discover`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falcon_svc.data.far_rows import far_note
from falcon_svc.data.vector_notes import LONG_ROWS
from falcon_svc.discovery.counts.bounds import CountBounds
from falcon_svc.discovery.counts.choice import Counts
from falcon_svc.discovery.training.prediction import predict
from falcon_svc.discovery.training.trained_head import TrainedHead
from falcon_svc.encoder import Encoder, notes_of
from falcon_svc.neighbors.notes import recall_notes
from falcon_svc.pipeline.found import Found
from falcon_svc.pipeline.model import DiscoveryModel
from falcon_svc.pipeline.record import versions
from falcon_svc.pipeline.size_notes import size_notes
from falcon_svc.result.reach import Reach
from falcon_svc.result.record import CountEstimate, Discovery, SourceRelation
from falcon_svc.result.samples import samples_note
from falcon_svc.result.surety import Surety, curve
from falcon_svc.types import BoolArray, CoarseDataset, FloatArray, LabelSource, Note
from solver import proof_bytes

MEASURED = 20_000
"""Most own samples that the model's precision is measured on."""


@dataclass(frozen=True)
class Run:
    """A discovery, the model that predicts with it, its encoder, and the (N, D) features."""

    discovery: Discovery
    model: DiscoveryModel
    encoder: Encoder
    features: FloatArray

    @classmethod
    def of(cls, found: Found) -> Run:
        """Return the run whose stages are all done."""
        vectors = found.features.vectors
        return cls(_discovery(found), _model(found), found.taught.encoder, vectors)

    @property
    def inputs(self) -> FloatArray:
        """(N, K) inputs of the head."""
        return self.model.space.apply(self.features)

    def model_files(self) -> dict[str, bytes]:
        """Return all that prediction on new samples needs, by file name."""
        return self.model.files() | self.encoder.files()


def _discovery(found: Found) -> Discovery:
    dataset, answer, head = found.dataset, found.answer, found.taught.head
    return Discovery(
        ids=dataset.ids,
        dataset_digest=dataset.digest,
        sources=dataset.sources,
        assignments=answer.assignments,
        classes=answer.classes,
        relations=_relations(head, dataset.sources),
        counts=_count_records(found.structure.counts, found.bounds, head.relations[0]),
        total=found.structure.counts.total,
        map_rows=found.layout.rows,
        map_xy=found.layout.xy,
        map_method=found.layout.method,
        history=head.history,
        stages=found.recorder.records(),
        seed=found.config.seed,
        config=found.config.model_dump(mode="json"),
        versions=versions(),
        label_noise=found.judged.noise,
        shared_pairs=answer.shared_pairs,
        notes=_notes(found, dataset),
        features=dataset.reading.features,
        left_out=dataset.reading.left_out,
    )


def _notes(found: Found, dataset: CoarseDataset) -> tuple[Note, ...]:
    of_encoder = notes_of(found.taught.encoder, dataset)
    apart = far_note(found.apart, dataset.ids)
    of_data = [note for note in dataset.reading.notes if not apart or note.code != LONG_ROWS]
    notes = (*of_data, *apart, *of_encoder, *recall_notes(found.neighbors))
    notes += size_notes(
        found.config.train,
        len(dataset),
        int(found.structure.counts.n_fine.sum()),
        dataset.coarse.n_coarse,
        counted=not found.bounds.fixed,
    )
    return notes + (samples_note(dataset) if found.config.keep_samples else ())


def _relations(head: TrainedHead, sources: tuple[LabelSource, ...]) -> tuple[SourceRelation, ...]:
    return tuple(
        SourceRelation(
            source=source.name,
            coarse_names=source.names,
            relation=relation,
            regret=solution.regret.astype(np.float32),
            status=solution.status,
            method=solution.method,
            objective=solution.objective,
            bound=solution.bound,
            gap=solution.gap,
            seconds=solution.seconds,
            certificate=solution.certificate,
            proof=proof_bytes(solution),
        )
        for source, relation, solution in zip(sources, head.relations, head.solutions, strict=True)
    )


def _count_records(
    counts: Counts, bounds: CountBounds, relation: BoolArray
) -> tuple[CountEstimate, ...]:
    """The counts of the relation, which training may have moved off those it began with."""
    found = "allocated" if counts.total is None else "estimated"
    used = relation.sum(axis=0)
    columns = zip(
        used, counts.low, counts.high, counts.whole, bounds.low == bounds.high, strict=True
    )
    return tuple(
        CountEstimate(
            *(q, int(n), int(min(low, n)), int(max(high, n))),
            origin="given" if fixed else found,
            whole=_known(whole),
        )
        for q, (n, low, high, whole, fixed) in enumerate(columns)
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _model(found: Found) -> DiscoveryModel:
    dataset, head, encoder = found.dataset, found.taught.head, found.taught.encoder
    return DiscoveryModel(
        space=found.spaced.space,
        head=head.teacher,
        train=found.config.train,
        relations=head.relations,
        sources=tuple((source.name, source.names) for source in dataset.sources),
        encoder=found.config.encoder.name,
        reading=dataset.reading,
        reach=_reach(found),
        surety=_surety(found),
        text_encoder=encoder.spec if dataset.kind == "texts" else None,
    )


def _reach(found: Found) -> Reach:
    """How far the classes reach without the rows that were set apart."""
    vectors, fine = found.features.vectors, found.answer.assignments.fine
    if not len(found.apart):
        return Reach.of(vectors, fine)
    kept = np.delete(np.arange(len(fine)), found.apart)
    return Reach.of(vectors[kept], fine[kept])


def _surety(found: Found) -> Surety:
    """Return how precise the head is on own samples, as they are and as if they had no label."""
    given, inputs = found.answer.assignments, found.spaced.inputs
    rows = np.linspace(0, len(inputs) - 1, min(len(inputs), MEASURED)).astype(np.int64)
    alone = predict(found.taught.head.teacher, np.asarray(inputs[rows], np.float32))
    own = rows[found.dataset.coarse.labels[rows] >= 0]
    return Surety(
        labelled=curve(given.confidence[own], np.ones(len(own), np.bool_)),
        unlabelled=curve(alone.confidence, alone.fine == given.fine[rows]),
    )
