"""A stored solve is read back as it was, and nothing in it can be changed without being found."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest

from solver import (
    Constraints,
    Pin,
    ProblemError,
    RelationProblem,
    from_documents,
    proof_bytes,
    read_proof,
    solve,
    to_documents,
    verify_file,
)
from tests.solver.random_problems import FLOW_KINDS, HARD_KINDS, random_problem


def problem_of(seed=0, shape=(12, 4)):
    rng = np.random.default_rng(seed)
    return RelationProblem(rng.random(shape), 0.1, Constraints((Pin("mine", 3, 1),)))


@pytest.mark.parametrize("kind", FLOW_KINDS + HARD_KINDS)
def test_every_kind_of_wish_survives_the_file_and_is_proven(kind):
    for seed in range(6):
        solution = solve(random_problem(seed, (kind,)))
        again, regret = read_proof(proof_bytes(solution))
        assert again.problem.digest == solution.problem.digest
        assert np.array_equal(again.relation, solution.relation)
        assert np.array_equal(regret, solution.regret)
        outcome = verify_file(proof_bytes(solution))
        assert outcome.ok, outcome.problems


def test_the_second_solver_agrees_with_a_flow_that_prices_prove():
    outcome = verify_file(proof_bytes(solution := solve(problem_of())))
    assert outcome.bound_by == "prices"
    assert outcome.second_bound == pytest.approx(solution.objective)


def changed(data, **changes):
    """The file with arrays exchanged; entries of `record` are set in its JSON."""
    with np.load(io.BytesIO(data)) as stored:
        arrays = {name: stored[name] for name in stored.files}
    record = json.loads(arrays["record"].tobytes())
    for name, value in changes.pop("record", {}).items():
        record[name] = value(record[name]) if callable(value) else value
    arrays["record"] = np.frombuffer(json.dumps(record).encode(), np.uint8)
    for name, change in changes.items():
        arrays[name] = change(arrays[name].copy())
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def entry(place, value):
    def change(array):
        array[place] = value
        return array

    return change


@pytest.mark.parametrize("place", [(0, 0), (3, 1), (11, 3), (5, 2)])
def test_a_changed_affinity_is_found(place):
    data = proof_bytes(solve(problem_of()))
    for step in (1e-12, 1.0):
        bad = changed(data, affinity=lambda a, step=step: entry(place, a[place] + step)(a))
        assert "another problem" in " ".join(verify_file(bad).problems)


@pytest.mark.parametrize("fine", range(12))
def test_a_moved_fine_class_is_found(fine):
    bad = changed(
        proof_bytes(solve(problem_of())), relation=lambda r: entry(fine, np.roll(r[fine], 1))(r)
    )
    assert not verify_file(bad).ok


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("objective", lambda v: v + 1e-6),
        ("bound", lambda v: v + 1e-3),
        ("gap", 1.0),
        ("status", "feasible"),
        ("method", "min_cost_flow"),
        ("balance", 0.2),
        ("constraints", []),
    ],
)
def test_a_changed_record_is_found(name, value):
    assert not verify_file(changed(proof_bytes(solve(problem_of())), record={name: value})).ok


@pytest.mark.parametrize(
    "name",
    ["problem_digest", "n_fine", "status", "objective", "bound", "scale", "rounding_bound"],
)
def test_a_changed_certificate_is_found(name):
    data = proof_bytes(solve(problem_of()))
    other = {"problem_digest": "0" * 32, "status": "feasible"}

    def change(certificate):
        value = other[name] if name in other else certificate[name] + 1
        return {**certificate, name: value}

    assert not verify_file(changed(data, record={"certificate": change})).ok


def test_prices_that_prove_nothing_leave_the_word_to_the_second_solver():
    def change(certificate):
        return {**certificate, "column_prices": [9**12] * len(certificate["column_prices"])}

    outcome = verify_file(changed(proof_bytes(solve(problem_of())), record={"certificate": change}))
    assert outcome.bound_by == "highs" or not outcome.ok


def test_changed_regrets_are_found():
    bad = changed(
        proof_bytes(solve(problem_of())), regret=lambda r: entry((0, 0), r[0, 0] + 1e-3)(r)
    )
    assert not verify_file(bad).ok


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04 no zip", b"{}", proof_bytes(solve(problem_of()))[:-40]]
)
def test_other_files_are_refused_in_a_sentence(data):
    with pytest.raises(ProblemError, match="relation-proof/1"):
        verify_file(data)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"kind": "pinn", "id": "a"}, "kind among"),
        ({"kind": "pin", "id": "a", "fine": 1}, "coarse"),
        ({"kind": "pin", "id": "a", "fine": 1, "coarse": 0, "colour": 1}, "colour"),
        ({"kind": "stay_close", "id": "a", "previous": ["x"]}, "types"),
        ({"kind": "pin", "id": "", "fine": 1, "coarse": 0}, "non-empty"),
    ],
)
def test_documents_that_are_no_constraints_are_refused(document, words):
    with pytest.raises(ProblemError, match=words):
        from_documents([document])


@pytest.mark.parametrize("kind", FLOW_KINDS + HARD_KINDS)
def test_documents_are_json_and_come_back_equal(kind):
    for seed in range(4):
        wishes = random_problem(seed, (kind,)).constraints
        documents = json.loads(json.dumps(to_documents(wishes)))
        assert list(from_documents(documents).canonical()) == list(wishes.canonical())
