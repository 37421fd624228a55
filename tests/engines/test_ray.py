"""What only a cluster can do to its users: lose answers, be cut off, have no room."""

from __future__ import annotations

import json
import os
import signal
from types import SimpleNamespace

import pytest

from falcon_svc.engines import RayEngine
from falcon_svc.engines.ray import TIMEOUT_S
from tests.api.running import free_port, wait_until
from tests.engines.cluster import ROOM_S
from tests.engines.conftest import Bench, alive, new_task

pytestmark = pytest.mark.ray


def bench_of(settings, **changes) -> Bench:
    return Bench(settings.model_copy(update=changes), stop_s=15, start_s=60)


def address(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def looked(engine, condition, seconds=30):
    """Look at the cluster until something is true."""
    return wait_until(lambda: engine.ended() is not None and condition(), seconds)


def test_an_attempt_whose_submission_was_not_answered_runs_once(ray_settings, line, cluster):
    bench = bench_of(ray_settings, ray_address=address(line.port))
    engine = bench.open()
    task = new_task("exit0")
    line.loses = b"POST"
    engine.start(task)
    assert task in engine.tasks & engine.waiting
    assert not engine.is_gone(task)
    line.loses = None
    assert bench.end_of(engine, task).exit_code == 0
    assert len(bench.reports(task)) == 1


def test_a_cut_line_hides_no_end_and_lets_nothing_start(ray_settings, line):
    bench = bench_of(ray_settings, ray_address=address(line.port))
    engine = bench.open()
    task = new_task("sleep")
    pid = bench.at_work(engine, task)["pid"]
    line.cut = True
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: engine.ended() == [] and not engine.has_room("auto"), 3 * TIMEOUT_S)
    assert engine.tasks == {task}
    assert not engine.is_gone(task)
    line.cut = False
    assert bench.end_of(engine, task).exit_code == -signal.SIGKILL
    assert engine.has_room("auto")
    assert len(bench.reports(task)) == 1


@pytest.mark.timeout(60)  # no call waits for ever
def test_a_cluster_that_does_not_answer_has_no_room_and_tells_nothing(ray_settings):
    settings = ray_settings.model_copy(update={"ray_address": address(free_port()), "ray_gpus": 1})
    engine, task = RayEngine(settings), new_task("sleep")
    assert engine.ended() == []
    assert not engine.has_room("auto")
    assert not engine.is_gone(task)  # a supervisor that starts now gives nothing up
    assert engine.devices() == {"auto", "cpu", "cuda"}


def test_what_no_node_has_room_for_waits_and_can_be_stopped(ray_settings, cluster):
    bench = bench_of(ray_settings, ray_gpus=1)
    engine, task = bench.open(), new_task("sleep", device="cuda")
    engine.start(task)
    looked(engine, lambda: task in engine.waiting)
    engine.stop(task)
    assert engine.is_gone(task)
    assert engine.has_room("auto")
    looked(engine, lambda: engine.is_gone(task))
    assert not bench.reports(task)


@pytest.mark.long
def test_what_found_no_room_in_time_has_not_begun(ray_settings):
    bench = bench_of(ray_settings, ray_gpus=1)
    engine, task = bench.open(), new_task("sleep", device="cuda")
    engine.start(task)
    ended = bench.end_of(engine, task, ROOM_S)
    assert (ended.exit_code, ended.began) == (None, False)
    assert engine.is_gone(task)


@pytest.mark.long
def test_a_lost_node_takes_its_tasks_along_and_the_next_has_room(ray_settings, cluster):
    """A task waits for a node that can take it, however long, and ends with that node."""
    bench = bench_of(ray_settings, ray_cpus=3)
    engine, task = bench.open(), new_task("forksleep")
    engine.start(task)
    node = cluster.add_node(cpus=4)
    looked(engine, lambda: bench.reports(task), 120)
    seen = bench.reports(task)[0]
    looked(engine, lambda: task not in engine.waiting)
    os.killpg(node.pid, signal.SIGKILL)
    node.wait()
    ended = bench.end_of(engine, task)
    assert (ended.exit_code, ended.began) == (None, True)
    wait_until(lambda: not alive(seen["pid"]) and not alive(seen["child"]))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, {"auto", "cpu"}),
        ({"ray_gpus": 1}, {"cpu"}),
        ({"ray_cpus": 3}, set()),
        ({"worker_memory_bytes": 2**50}, set()),
        ({"ray_cpus": 3, "ray_gpus": 1, "ray_autoscales": True}, {"auto", "cpu", "cuda"}),
    ],
)
def test_devices_are_those_that_some_node_can_give(ray_settings, changes, found):
    assert RayEngine(bench_of(ray_settings, **changes).settings).devices() == found


def test_secrets_stay_at_home(ray_settings, cluster, postgres):
    """Ray shows a job's environment to all who may ask it; nodes know the database themselves."""
    bench = bench_of(ray_settings, database_url="postgresql://falcon:hush@db/falcon")
    engine, task = bench.open(), new_task("exit0")
    seen = bench.at_work(engine, task)["environment"]
    known = cluster.submissions()[f"{task.id}-{task.number}"]
    assert "hush" not in json.dumps(known)
    assert known["runtime_env"]["env_vars"]["FALCON_LEASE_S"] == str(bench.settings.lease_s)
    assert seen["FALCON_DATABASE_URL"] == postgres.get_uri()
    bench.end_of(engine, task)


def test_another_service_on_the_cluster_is_left_alone(ray_settings, tmp_path):
    bench = bench_of(ray_settings)
    other = bench_of(ray_settings, data_dir=tmp_path / "other").open()
    engine, task = bench.open(), new_task("sleep")
    bench.at_work(engine, task)
    looked(other, lambda: other.is_gone(task))
    assert not other.tasks
    engine.stop(task)
    looked(engine, lambda: engine.is_gone(task))


def test_what_has_ended_and_was_told_leaves_the_cluster_s_list(ray_settings, cluster):
    bench = bench_of(ray_settings)
    engine, task = bench.open(), new_task("exit0")
    engine.start(task)
    assert f"{task.id}-1" in cluster.submissions()
    bench.end_of(engine, task)
    assert f"{task.id}-1" not in cluster.submissions()


def test_a_bare_record_that_comes_back_after_its_deletion_is_deleted_again(ray_settings):
    """Ray's watcher of a job may write its end once more, without what the job was sent with."""
    kept = {"job_gone-1": None, "job_other-1": None}

    class Client:
        def list_jobs(self):
            return [SimpleNamespace(submission_id=name, metadata=None) for name in kept]

        def delete_job(self, name):
            del kept[name]

    engine = bench_of(ray_settings).open()
    engine._client, engine._polled = Client(), 0.0
    engine._deleted["job_gone-1"] = engine._clock()
    engine.ended()
    assert list(kept) == ["job_other-1"]


def listening(pid: int) -> set[str]:
    """Addresses that a process listens on; none if it has ended meanwhile."""
    import psutil

    try:
        found = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return set()
    return {c.laddr.ip for c in found if c.status == psutil.CONN_LISTEN}


def test_the_cluster_asks_for_its_token_and_listens_on_loopback_only(cluster):
    assert cluster.get("/api/jobs/", token="0" * 64).status_code == 403
    addresses = {ip for pid in cluster.processes() for ip in listening(pid)}
    assert addresses <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}
    assert addresses
