"""One service with a worker for all tests here, and one finished job to look at."""

from __future__ import annotations

import pytest

from tests.api.labelled import checked, done, labelled_npz
from tests.api.refusing import left_in
from tests.api.running import Running, npz_bytes

QUICK = {"counts": {"n_fine": 6}, "train": {"epochs": 2}}


@pytest.fixture(scope="session")
def service(tmp_path_factory):
    settings = {"slots": 2, "worker_nice": 0, "most_wait_s": 240}
    running = Running(tmp_path_factory.mktemp("service") / "data", **settings)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def http(service):
    return service.http


@pytest.fixture(scope="session")
def falcon(service):
    with service.client() as client:
        yield client


@pytest.fixture(scope="session")
def data_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "planted.npz"
    path.write_bytes(npz_bytes())
    return path


@pytest.fixture(scope="session")
def dataset(falcon, data_file):
    return checked(falcon, falcon.upload(data_file))


@pytest.fixture(scope="session")
def job(falcon, dataset):
    return falcon.wait(falcon.submit(dataset["id"], QUICK, metadata={"who": "tests"})["id"])


@pytest.fixture(scope="session")
def labelled(falcon, tmp_path_factory):
    """A data set with coarse and fine labels."""
    path = tmp_path_factory.mktemp("labelled") / "birds.npz"
    path.write_bytes(labelled_npz())
    return checked(falcon, falcon.upload(path))


@pytest.fixture(scope="session")
def trained(falcon, labelled):
    return done(falcon, labelled, "classifier", seed=3)


@pytest.fixture(scope="session")
def advised(falcon, labelled):
    return done(falcon, labelled, "advice", hidden=[0], folds=2)


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A service that takes little."""
    running = Running(
        tmp_path_factory.mktemp("small") / "data",
        max_upload_bytes=200_000,
        max_json_bytes=50_000,
        max_dataset_bytes=400_000,
        max_datasets=8,
        max_queued_jobs=3,
        warm_worker="false",  # it has checks of few bytes to do
    )
    yield running
    running.stop()


@pytest.fixture
def small_http(small):
    """Its client, and a look at what a test has left behind."""
    before = left_in(small)
    yield small.http
    assert left_in(small) == before, "something was left behind"
