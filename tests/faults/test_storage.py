"""Disks that are full, read-only or slow, and files that somebody removed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from falcon_svc.service.operations.doctor import Doctor
from falcon_svc.settings import Settings
from tests.api.running import npz_bytes
from tests.faults.desk import Desk, resumed_epochs
from tests.faults.faults import WORKER, Fault
from tests.faults.history import check_history, check_nothing_left
from tests.faults.jobs import TRAIN, add_dataset, job_of, submit, until_ended

pytestmark = pytest.mark.faults
FULL = pytest.mark.long
MUCH = 16 * 2**20


@pytest.fixture
def small_disk():
    """Mount disks of their own; skipped where a test may not (elsewhere errors are made up)."""
    mounted: list[Path] = []

    def mount(folder: Path, size: str) -> Path:
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this process may not mount a disk")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def code_of(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_an_upload_to_a_full_disk_is_refused_and_leaves_nothing(start, small_disk, tmp_path):
    small_disk(tmp_path / "data", "12m")
    service = start("data", "--no-worker")
    much = os.urandom(MUCH)
    form = service.http.post("/v1/datasets", files={"file": ("a.npz", much)})
    assert code_of(form) == (507, "storage_full")
    announced = service.http.post("/v1/uploads", json={"name": "a.npz", "size_bytes": MUCH})
    url, octets = f"/v1/uploads/{announced.json()['id']}", "application/octet-stream"
    part = service.http.put(f"{url}/parts/1", content=much, headers={"Content-Type": octets})
    assert code_of(part) == (507, "storage_full")
    assert service.http.get(url).json()["received_parts"] == []
    assert service.http.delete(url).status_code == 204
    check_nothing_left(service)
    add_dataset(service)


def test_a_database_without_room_says_so_and_keeps_what_it_acknowledged(
    start, small_disk, tmp_path
):
    disk = small_disk(tmp_path / "data", "6m")
    service = start("data", "--no-worker")
    dataset = add_dataset(service)
    acknowledged = [submit(service, dataset)]
    _fill(disk / "ballast")
    body = {"dataset_id": dataset, "config": TRAIN}
    while (answer := service.http.post("/v1/jobs", json=body)).status_code == 202:
        acknowledged.append(answer.json()["id"])
    assert code_of(answer) == (507, "storage_full")
    assert code_of(service.http.get("/health/ready")) == (507, "storage_full")
    assert service.http.get("/health/live").status_code == 200
    assert {job_of(service, job_id)["state"] for job_id in acknowledged} == {"queued"}
    (disk / "ballast").unlink()
    acknowledged.append(submit(service, dataset))
    assert service.http.get("/health/ready").status_code == 200
    for job_id in acknowledged:
        service.http.post(f"/v1/jobs/{job_id}:cancel")
    check_history(service, acknowledged)
    check_nothing_left(service)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_checkpoint_without_room_fails_the_job_and_keeps_the_one_before(
    small_disk, tmp_path, monkeypatch
):
    small_disk(tmp_path / "data" / "work", "180k")  # the structure fits, three checkpoints do not
    (tmp_path / "notes").mkdir()
    epochs = resumed_epochs(tmp_path / "notes", monkeypatch)
    desk = Desk(tmp_path / "data", max_attempts=3)
    job_id = desk.submit(desk.add_dataset())
    job = desk.until_ended(job_id)
    assert (job.state, job.error["code"]) == ("failed", "storage_full")
    assert desk.outcomes(job_id) == ["storage_full"] * 3
    first, *later = epochs()
    assert first == 0 and min(later) > 0
    check_history(desk, [job_id])


def test_a_store_that_is_read_only_refuses_and_goes_on_later(start, small_disk, tmp_path):
    disk = small_disk(tmp_path / "store", "8m")
    service = start("data", "--no-worker", artifacts_url=str(disk))
    remount = ["mount", "-o", "remount,{}", str(disk)]
    subprocess.run([word.format("ro") for word in remount], check=True)
    answer = service.http.post("/v1/datasets", files={"file": ("a.npz", npz_bytes(60))})
    assert code_of(answer) == (507, "storage") and str(disk) not in answer.text
    assert service.http.get("/v1/datasets").json()["items"] == []
    subprocess.run([word.format("rw") for word in remount], check=True)
    assert service.http.get(f"/v1/datasets/{add_dataset(service)}").status_code == 200


@FULL
def test_a_slow_store_is_no_silence(start):
    slow = Fault(
        "falcon_svc.storage.artifacts:ArtifactStore._put", do="sleep", by=10.0, process=WORKER
    )
    service = start(faults=[slow])
    job_id = submit(service, add_dataset(service))
    job = until_ended(service, job_id)
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    check_history(service, [job_id])
    check_nothing_left(service)


def test_files_removed_behind_the_services_back_are_gone_and_the_doctor_finds_them(calm, done):
    result = calm.folder / "artifacts" / "results" / done / "1"
    asked = {"report.html": "report", "model.zip": "model", "assignments.parquet": "classes"}
    for name, part in asked.items():
        whole = (result / name).read_bytes()
        (result / name).unlink()
        answer = calm.http.get(f"/v1/jobs/{done}/{part}")
        found = findings(calm.folder)
        (result / name).write_bytes(whole)
        assert code_of(answer) == (410, "artifact_missing")
        assert found == [("file_missing", f"results/{done}/1/{name}")]
    _flip_the_last_bit(result / "arrays.safetensors")
    answer = calm.http.get(f"/v1/jobs/{done}/graph")
    told = doctor(calm.folder)
    _flip_the_last_bit(result / "arrays.safetensors")
    assert code_of(answer) == (410, "artifact_missing")
    assert told == (1, [("file_damaged", f"results/{done}/1/arrays.safetensors")])
    assert calm.http.get(f"/v1/jobs/{done}/classes").status_code == 200


def _flip_the_last_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def findings(folder: Path) -> list[tuple[str, str]]:
    found = Doctor(Settings(data_dir=folder)).findings()
    return [(one.code, one.subject) for one in found if one.code != "low_disk"]


def doctor(folder: Path) -> tuple[int, list[tuple[str, str]]]:
    """Exit code and findings of `falcon doctor --json`, but for the room on this machine's disk."""
    command = [sys.executable, "-m", "falcon_svc.cli.main", "doctor", "--json", "--data-dir"]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["findings"]
    return done.returncode, [(f["code"], f["subject"]) for f in found if f["code"] != "low_disk"]
