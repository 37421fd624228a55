"""Triage benchmark: how much accuracy an answer buys, beside other ways to spend it.

`falcon bench triage [SET ...] [--n-fine auto|total] [--answers 25,50,...] [--seeds 0,1,2]
[--policies ours,random,...] [--results DIR] [--json FILE]`. An oracle answers from the truth and
sees only what the page shows (`triage_oracle`). An answer is one question's reply; `clicks` counts
one more for each sample that was marked or dragged elsewhere. Policies:

    ours         the queue, best question first
    random       the queue's questions in random order
    uncertainty  the sample with the smallest margin: which of these classes does it belong to?
    spreading    labels of random samples into scikit-learn's LabelSpreading, inside each coarse
                 class; samples of a coarse class without a label are one class

ACC is one Hungarian match over all fine classes, over samples with a fine label. Results of
`falcon discover` are kept under ``--results`` and taken from there again.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelSpreading

from falcon_svc.bench.bench_set import BenchSet
from falcon_svc.bench.command import parser, progress_of
from falcon_svc.bench.scores import agreement
from falcon_svc.bench.set_name import SHIPPED, parse_all
from falcon_svc.bench.table import Figure, markdown, write_json
from falcon_svc.bench.triage_oracle import Oracle
from falcon_svc.config import DiscoveryConfig
from falcon_svc.discovery.counts.config import CountConfig
from falcon_svc.durable.atomic_directory import MARKER
from falcon_svc.pipeline.discover import discover_to
from falcon_svc.pipeline.record import versions
from falcon_svc.progress import Progress, Silent
from falcon_svc.triage.corrections import CorrectionError
from falcon_svc.triage.edits import apply
from falcon_svc.triage.evidence import stability_of, suspected
from falcon_svc.triage.questions import Place, Question, Reply, corrections_of
from falcon_svc.triage.queue import MOST_CANDIDATES, Queue
from falcon_svc.triage.resolve import resolve
from falcon_svc.triage.scene import Scene
from falcon_svc.triage.session import Session
from falcon_svc.triage.split import Cut
from falcon_svc.types import FloatArray, IntArray

SEEDS = (0, 1, 2)
ANSWERS = (25, 50, 100, 150, 300, 450)
SOLVE_EVERY = 25
N_LINKS_SPREAD = 10


class Trial:
    """A review that questions are asked about, in memory.

    Parameters
    ----------
    session : Session
        Session of a result; nothing is written to it.
    """

    def __init__(self, session: Session) -> None:
        self.review, self.placement = session.review, session.placement
        self.features, self.inputs = session.features, session.inputs
        self.neighbors = session.neighbors()
        self.stability = stability_of(session)
        self.cuts: dict[bytes, Cut] = {}
        self.suspects = suspected(session.discovery)
        self.refused = 0

    def scene(self) -> Scene:
        """Return the present figures."""
        return Scene(
            *(self.review, self.placement, self.inputs, self.neighbors, self.stability),
            cuts=self.cuts,
            suspects=self.suspects,
        )

    def take(self, question: Question, reply: Reply) -> None:
        """Make the corrections that a reply means."""
        for correction in corrections_of(question, reply):
            try:
                apply(self.review, correction)
            except CorrectionError:
                self.refused += 1

    def solve(self) -> None:
        """Solve again."""
        found = resolve(self.review, self.features, self.neighbors)
        self.placement, self.inputs = found.placement, found.inputs
        self.review = found.placement.taken_by(self.review)
        self.cuts = {}


Ask = Callable[[Trial], Question | None]


def queue_policy(*, seed: int | None = None) -> tuple[Ask, Callable[[Question, Reply], None]]:
    """Ask the queue's best question, or with a seed any of all its questions."""
    queue, asked = Queue(), set[str]()
    random = None if seed is None else np.random.default_rng(seed)

    def ask(trial: Trial) -> Question | None:
        made = queue.questions(trial.scene(), 10**6 if random is not None else 20)
        fresh = [q for q in made if q.model_dump_json(exclude={"gain"}) not in asked]
        if not fresh:
            return None
        chosen = fresh[0 if random is None else int(random.integers(len(fresh)))]
        asked.add(chosen.model_dump_json(exclude={"gain"}))
        return chosen

    return ask, queue.learn


def uncertainty_policy() -> tuple[Ask, Callable[[Question, Reply], None]]:
    """Ask where the sample with the smallest margin belongs."""

    def ask(trial: Trial) -> Question | None:
        placed, free = trial.placement, np.flatnonzero(~trial.review.fixed)
        if not len(free):
            return None
        row = free[[int(np.argmin((placed.confidence - placed.rival)[free]))]]
        scene = trial.scene()
        shown = tuple(scene.shown(n) for n in scene.candidates(row, MOST_CANDIDATES))
        return Place(
            text="Where does this sample belong?",
            gain=1.0,
            samples=scene.names(row),
            candidates=shown,
        )

    return ask, lambda question, reply: None


def answered(
    trial: Trial,
    oracle: Oracle,
    policy: tuple[Ask, Callable[[Question, Reply], None]],
    budgets: Sequence[int],
    score: Callable[[IntArray], float],
) -> dict[int, tuple[float, int]]:
    """Return (score, clicks) at each budget of answers; 0 is the result as it came."""
    (ask, learn), curve, clicks = policy, {0: (score(trial.review.fine), 0)}, 0
    for number in range(1, max(budgets) + 1):
        question = ask(trial)
        if question is not None:
            reply = oracle.answer(question)
            learn(question, reply)
            trial.take(question, reply)
            clicks += reply.clicks
        if number % SOLVE_EVERY == 0 or number in budgets:
            trial.solve()
        if number in budgets:
            curve[number] = (score(trial.review.fine), clicks)
    return curve


def spread_labels(data: BenchSet, features: FloatArray, n_labels: int, seed: int) -> IntArray:
    """Return what LabelSpreading makes of the truth of `n_labels` random samples."""
    order = np.random.default_rng(seed).permutation(data.judged)[:n_labels]
    given = np.full(len(data.truth), -1, np.int64)
    given[order] = data.truth[order]
    found = np.full(len(given), -1, np.int64)
    for q, rows in enumerate(data.dataset.coarse.rows_by_class()):
        labels = given[rows]
        if not (labels >= 0).any():
            found[rows] = int(data.truth.max()) + 1 + q
        elif (labels >= 0).all():
            found[rows] = labels
        elif len(set(labels[labels >= 0].tolist())) == 1:
            found[rows] = labels.max()
        else:
            model = LabelSpreading(kernel="knn", n_neighbors=min(N_LINKS_SPREAD, len(rows) - 1))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                warnings.simplefilter("ignore", RuntimeWarning)  # out of every label's reach
                found[rows] = model.fit(features[rows], labels).transduction_
    return found


POLICIES = ("ours", "random", "uncertainty", "spreading")


@dataclass(frozen=True)
class Row:
    """One policy on one set: per budget ACC and clicks over the seeds."""

    set: str
    policy: str
    acc: dict[int, Figure]
    clicks: dict[int, Figure]

    def cells(self) -> tuple[str, ...]:
        """Return the cells of the Markdown table."""
        shown = (
            f"{figure.percent()} ({self.clicks[budget].mean:.0f})"
            for budget, figure in self.acc.items()
        )
        return (self.set, self.policy, *shown)

    def document(self) -> dict[str, Any]:
        """Return the row JSON-ready."""
        return {
            "set": self.set,
            "policy": self.policy,
            "acc": {str(b): f.document() for b, f in self.acc.items()},
            "clicks": {str(b): f.document() for b, f in self.clicks.items()},
        }


def run(
    paths: Sequence[str] = (),
    *,
    answers: Sequence[int] = ANSWERS,
    seeds: Sequence[int] = SEEDS,
    policies: Sequence[str] = POLICIES,
    total_given: bool = False,
    results: Path | None = None,
    json_path: Path | None = None,
    progress: Progress | None = None,
) -> str:
    """Run the benchmark and return a Markdown table; see this module's docstring."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) if results is None else results
        for name in parse_all(paths or (SHIPPED,)):
            data = name.load()
            for policy in policies:
                (progress or Silent()).stage(f"{data.name}: {policy}", len(seeds))
                curves = [
                    _curve(data, policy, answers, seed, _result(data, seed, total_given, folder))
                    for seed in seeds
                ]
                rows.append(_row(data.name, policy, curves))
                write_json(json_path, _document(seeds, answers, rows))
    header = ("set", "policy", *(f"{b} answers (clicks)" for b in (0, *answers)))
    return markdown(header, (row.cells() for row in rows))


def _result(data: BenchSet, seed: int, total_given: bool, folder: Path) -> Path:
    """The directory of the discovery, made where it is not there yet."""
    stem = "".join(c if c.isalnum() else "-" for c in data.name)
    directory = folder / f"{stem}-{'total' if total_given else 'auto'}-{seed}"
    if not (directory / MARKER).exists():
        counts = CountConfig(n_fine=data.n_fine) if total_given else CountConfig()
        discover_to(directory, data.dataset, DiscoveryConfig(counts=counts, seed=seed))
    return directory


def _curve(
    data: BenchSet, policy: str, answers: Sequence[int], seed: int, directory: Path
) -> dict[int, tuple[float, int]]:
    judged = data.judged

    def score(fine: IntArray) -> float:
        return agreement(data.truth[judged], fine[judged])["acc"]

    session = Session(directory)
    if policy == "spreading":
        curve = {0: (score(session.review.fine), 0)}
        for n in answers:
            curve[n] = (score(spread_labels(data, session.inputs, n, seed)), n)
        return curve
    truth = dict(zip(data.dataset.ids, data.truth.tolist(), strict=True))
    asking = (
        uncertainty_policy()
        if policy == "uncertainty"
        else queue_policy(seed=seed if policy == "random" else None)
    )
    return answered(Trial(session), Oracle(truth), asking, answers, score)


def _row(name: str, policy: str, curves: list[dict[int, tuple[float, int]]]) -> Row:
    budgets = list(curves[0])
    return Row(
        name,
        policy,
        {b: Figure(tuple(curve[b][0] for curve in curves)) for b in budgets},
        {b: Figure(tuple(float(curve[b][1]) for curve in curves)) for b in budgets},
    )


def _document(seeds: Sequence[int], answers: Sequence[int], rows: list[Row]) -> dict[str, Any]:
    return {
        "schema_version": "1.0",
        "benchmark": "triage",
        "seeds": list(seeds),
        "answers": list(answers),
        "versions": versions(),
        "rows": [row.document() for row in rows],
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; see this module's docstring for the arguments."""
    flags = parser("triage", "How much accuracy an answer buys, beside other ways to spend it.")
    flags.add_argument(
        "sets", nargs="*", metavar="SET", help="sets to measure: shipped, or FILE@KEY=VALUE,..."
    )
    flags.add_argument(
        "--answers", default=",".join(map(str, ANSWERS)), help="budgets of answers to show"
    )
    flags.add_argument("--seeds", default="0,1,2", help="seeds, one run each")
    flags.add_argument(
        "--policies", default=",".join(POLICIES), help="policies to run, separated by commas"
    )
    flags.add_argument("--n-fine", choices=("auto", "total"), default="auto")
    flags.add_argument("--results", type=Path, metavar="DIR", help="folder to keep discoveries in")
    given = flags.parse_args(argv)
    table = run(
        given.sets,
        answers=[int(n) for n in given.answers.split(",")],
        seeds=[int(seed) for seed in given.seeds.split(",")],
        policies=given.policies.split(","),
        total_given=given.n_fine == "total",
        results=given.results,
        json_path=given.json,
        progress=progress_of(given),
    )
    print(table)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
