"""What the compose file starts, as processes of this machine on a real Postgres.

The API's process finds only the packages of its image. A job goes from upload to every form of its
result.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from falcon_svc.client import Falcon
from tests.api.running import free_port, npz_bytes
from tests.architecture.sources import ROOT, within
from tests.docker.composed import Container
from tests.packaging.roles import environment_of, lacking_in
from tests.storage.conftest import postgres  # noqa: F401

API = ("serve", "postgres")
QUICK = {"counts": {"n_fine": 6}, "train": {"epochs": 2}}


def test_the_image_of_the_api_has_neither_torch_nor_solver():
    heavy = {"torch", "torchvision", "faiss", "ortools", "sklearn", "matplotlib", "ray"}
    assert heavy - {"ray"} <= lacking_in(*API)
    assert not lacking_in(*API) & {"fastapi", "numpy", "psycopg", "falcon_svc", "uvicorn"}


def test_the_control_plane_is_imported_without_what_its_image_lacks():
    packages = [f"falcon_svc.{name}" for name in ("api", "client", "service", "storage", "engines")]
    names = [m.name for m in within(*packages) if "migrations." not in m.name]
    done = subprocess.run(
        [sys.executable, "-c", "import " + ", ".join(names)],
        cwd=ROOT, env=environment_of(*API), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture
def containers(postgres, tmp_path):  # noqa: F811
    """The API and the worker with one volume and one database, not started."""
    volume = tmp_path / "data"
    volume.mkdir(mode=0o700)
    outside = {"POSTGRES_PASSWORD": "0123abcd"}
    inside = {
        "FALCON_DATA_DIR": str(volume),
        "FALCON_PORT": str(free_port()),
        "FALCON_DATABASE_URL": postgres.get_uri(database="postgres"),
        "FALCON_WORKER_NICE": "0",
    }
    api = Container("api", outside, {**inside, **environment_of(*API)}, tmp_path)
    worker = Container("worker", outside, inside, tmp_path)
    yield api, worker
    for one in (api, worker):
        if hasattr(one, "process"):
            one.process.kill()
            one.process.wait()


@pytest.mark.slow
def test_a_job_from_upload_to_every_result(containers, tmp_path):
    api, worker = containers
    api.start()
    api.wait_healthy()
    worker.start()
    worker.wait_healthy()
    key = api.run("falcon", "keys", "create", "ann")
    with Falcon(f"http://127.0.0.1:{api.environment['FALCON_PORT']}", key) as falcon:
        (tmp_path / "birds.npz").write_bytes(npz_bytes())
        dataset = falcon.upload(tmp_path / "birds.npz")
        job = falcon.wait(falcon.submit(dataset["id"], QUICK)["id"])
        assert job["summary"]["n_fine"] == 6
        _read_all(falcon, job["id"], tmp_path)
    assert "torch" not in api.log.read_text()
    assert worker.stop() == 0
    assert api.stop() == 0


def _read_all(falcon, job_id, folder):
    assert len(falcon.classes(job_id)) == 6
    assert len(falcon.assignments(job_id)) == 400
    for kind in ("medoid", "border", "suspect"):
        assert isinstance(falcon.samples(job_id, 0, kind), list)
    for form in ("json", "graphml", "cytoscape"):
        assert falcon.graph(job_id, form)
    assert falcon.relation(job_id)[0]["certificate"]
    for name in ("report", "model", "assignments"):
        assert falcon.download(job_id, name, folder / name).stat().st_size > 1000
    assert falcon.predict(job_id, [[0.0] * 8])["predictions"][0]["coarse"] in ("land", "water")
    assert falcon.capabilities()["engine"] == "local"
