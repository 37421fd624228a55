"""`falcon verify` accepts what a run wrote and names whatever was changed afterwards."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest

import falcon_svc as falcon
from falcon_svc.durable.atomic_directory import sha256_of
from falcon_svc.result.verification import verify_result
from tests.cli.conftest import falcon as command
from tests.door.planted import COARSE, vectors


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("result") / "out"
    falcon.discover(vectors(), COARSE, n_fine=4, epochs=2, out=folder)
    return folder


@pytest.fixture
def result(written, tmp_path):
    return shutil.copytree(written, tmp_path / "copy")


def wrong(directory):
    return [check for check in verify_result(directory) if not check.ok]


def test_a_result_is_what_it_says(written):
    checks = verify_result(written)
    assert all(check.ok for check in checks), checks
    assert [c.name for c in checks] == ["files", "relation of coarse", "assignments", "numbers"]
    assert "second solver" in checks[1].text
    assert falcon.read_result(written).verify() == checks


@pytest.mark.parametrize("name", ["relation.0.npz", "assignments.parquet", "arrays.safetensors"])
def test_a_changed_byte_anywhere_is_found(result, name):
    data = bytearray((result / name).read_bytes())
    data[len(data) // 2] ^= 1
    (result / name).write_bytes(bytes(data))
    (check,) = wrong(result)
    assert check.name == "files" and name in check.text


def resealed(result, **changes):
    """Change the proof and write its new digest, as somebody who knows the format would."""
    path = result / "relation.0.npz"
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    for name, change in changes.items():
        arrays[name] = change(arrays[name])
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    path.write_bytes(buffer.getvalue())
    seal(result, lambda document: None)


def seal(result, change):
    document = json.loads((result / "discovery.json").read_text())
    change(document)
    document["files"]["relation.0.npz"] = sha256_of(result / "relation.0.npz")
    (result / "discovery.json").write_text(json.dumps(document))


def test_a_changed_relation_affinity_or_certificate_is_found_though_digests_fit(result):
    resealed(result, affinity=lambda a: a + np.eye(*a.shape))
    assert "another problem" in wrong(result)[0].text


def test_a_relation_that_was_moved_is_found(result):
    resealed(result, relation=lambda r: r[:, ::-1].copy())
    assert wrong(result)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["relations"][0].update(objective=d["relations"][0]["objective"] + 1), "obj"),
        (lambda d: d["relations"][0]["certificate"].update(bound=1.0), "certificate"),
        (lambda d: d["relations"][0].update(status="feasible"), "status"),
    ],
)
def test_a_document_that_says_otherwise_than_the_proof_is_found(result, change, word):
    seal(result, change)
    assert any(word in check.text for check in wrong(result))


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d.update(n_fine=7), "n_fine"),
        (lambda d: d.update(n_samples=7), "n_samples"),
        (lambda d: d["classes"][0].update(size=1), "sizes"),
        (lambda d: d["classes"][1].update(mean_confidence=0.1), "mean confidences"),
        (lambda d: d["counts"][0].update(n_fine=d["counts"][0]["n_fine"] + 1), "counts"),
        (lambda d: d["classes"].reverse(), "ids of classes"),
        (lambda d: d["classes"][0].update(coarse=d["classes"][-1]["coarse"]), "coarse classes"),
    ],
)
def test_numbers_that_are_not_those_of_the_assignments_are_found(result, change, word):
    seal(result, change)
    (check,) = wrong(result)
    assert check.name == "numbers" and word in check.text


def test_a_result_without_proof_says_so(result):
    def forget(document):
        (result / "relation.0.npz").unlink()

    document = json.loads((result / "discovery.json").read_text())
    forget(document)
    del document["files"]["relation.0.npz"]
    (result / "discovery.json").write_text(json.dumps(document))
    assert "earlier version" in wrong(result)[0].text


def test_the_command_line_says_it_and_ends_with_one(result):
    done = command("verify", result)
    assert done.code == 0 and "ok    files" in done.out
    (result / "model.json").write_text("{}")
    done = command("verify", result, "--json")
    assert done.code == 1 and not json.loads(done.out)["ok"]
