"""Jobs of every kind over HTTP: killed (-9) they go on, cancelled they end and leave nothing.

That what goes on ends as what was left alone is tested bit for bit in `tests/worker`, of a
classifier here too.
"""

from __future__ import annotations

import os
import signal

import numpy as np
import psutil
import pytest

from falcon_svc.client import ServiceError
from falcon_svc.hierarchy.classifier import HierarchicalClassifier
from tests.api.labelled import LONG, done, labelled_npz, locally, npz_of, weights
from tests.api.running import wait_until
from tests.faults.history import worker_of
from tests.supervised import marks

CASES = {
    "discovery": ("birds", "discovery", {"train": {"epochs": 10_000}}, "head"),
    "classifier": ("birds", "classifier", LONG, "train"),
    "classifier and encoder": (
        "images",
        "classifier",
        {
            **{"epochs": 2, "test_share": 0.0},
            "encoder": {"name": "moco", "moco": {"epochs": 1, "batch_size": 64}},
            "joint": {"train_encoder": True, "epochs": 10_000, "batch_size": 64},
        },
        "train encoder",
    ),
    "advice": ("birds", "advice", {"hidden": [0, 1, 2, 3, 4, 5, 6, 7], "folds": 2}, "advise"),
    "metrics": ("many", "metrics", {}, "figures"),
}
"""Name -> data set, kind, settings of a job that takes long, and the stage to stop it in."""
MANY = 300_000


@pytest.fixture(scope="module")
def sets(falcon, tmp_path_factory):
    """Data sets by name."""
    top, fine = np.array(marks.paths(160)).T
    many = np.random.default_rng(0).normal(size=(MANY, 2)).astype(np.float32)
    leaf = np.arange(MANY) % 200
    names = {"coarse": np.char.add("c", (leaf // 20).astype(str)), "fine": leaf.astype(str)}
    contents = {
        "birds": labelled_npz(),
        "images": npz_of(x=marks.pixels(160), coarse=top, fine=fine),
        "some": npz_of(x=many[:400], **{name: v[:400] for name, v in names.items()}),
        "many": npz_of(x=many, **names),
    }
    folder = tmp_path_factory.mktemp("sets")
    for name, content in contents.items():
        (folder / f"{name}.npz").write_bytes(content)
    return {name: falcon.upload(folder / f"{name}.npz") for name in contents}


@pytest.fixture(scope="module")
def measured(falcon, sets):
    """A classifier of many classes, which takes a while to measure."""
    return done(falcon, sets["some"], "classifier", epochs=1, test_share=0.0)


@pytest.fixture(params=CASES)
def begun(falcon, sets, measured, request):
    """A job in the middle of its longest stage, and how much of it was done."""
    data, kind, config, stage = CASES[request.param]
    config = {**config, "classifier": measured["id"]} if kind == "metrics" else config
    job = falcon.submit(sets[data]["id"], config, kind=kind)
    found = wait_until(lambda: told(falcon.job(job["id"]), stage))
    assert found["state"] == "running", found
    yield found
    falcon.delete_job(job["id"])


def told(job, stage):
    """The job, once some of the stage is done."""
    if job["state"] not in ("queued", "preparing", "running"):
        return job
    return job["stage"] == stage and job["progress"]["done"] > 0 and job


def left_of(service, job_id):
    """Files of a job's result."""
    return list((service.folder / "artifacts" / "results").glob(f"{job_id}/*"))


def test_a_cancelled_job_ends_and_leaves_nothing(begun, falcon, service, http):
    job_id, pid = begun["id"], worker_of(service, begun["id"])
    assert begun["progress"]["total"] > begun["progress"]["done"]
    falcon.cancel(job_id)
    wait_until(lambda: falcon.job(job_id)["state"] == "canceled")
    wait_until(lambda: not psutil.pid_exists(pid) or worker_of(service, job_id) != pid)
    assert not left_of(service, job_id)
    with pytest.raises(ServiceError) as refused:
        falcon.download(job_id, "report", service.folder / "never.html")
    assert (refused.value.status, refused.value.code) == (409, "no_result")


def test_a_killed_job_goes_on_where_it_was(begun, falcon, service):
    job_id, stage, before = begun["id"], begun["stage"], begun["progress"]["done"]
    os.kill(worker_of(service, job_id), signal.SIGKILL)
    again = wait_until(lambda: (j := falcon.job(job_id))["attempt"] == 2 and told(j, stage))
    if again["state"] == "running":
        falcon.cancel(job_id)
    events = list(falcon.events(job_id))
    first = next(i for i, one in enumerate(events) if one.get("attempt") == 2)
    of_stage = [one["done"] for one in events[first:] if one.get("stage") == stage]
    assert min(filter(None, of_stage)) > before
    assert falcon.job(job_id)["state"] in ("succeeded", "canceling", "canceled")


def test_a_killed_training_ends_as_one_left_alone(falcon, labelled, service, tmp_path):
    config = {"epochs": 60, "test_share": 0.0, "seed": 5}
    job = falcon.submit(labelled["id"], config, kind="classifier")
    wait_until(lambda: falcon.job(job["id"])["progress"]["done"])
    os.kill(worker_of(service, job["id"]), signal.SIGKILL)
    assert falcon.wait(job["id"])["attempt"] == 2
    model = HierarchicalClassifier.load(falcon.classifier(job["id"]).download(tmp_path / "model"))
    whole = locally(seed=5, epochs=60)
    assert model.loss_curve_ == whole.loss_curve_ and len(whole.loss_curve_) == 60
    assert np.array_equal(weights(model), weights(whole))
