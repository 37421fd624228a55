"""Drives the client that openapi-python-client has made, as its user would."""

from __future__ import annotations

import json
import sys
from io import BytesIO
from pathlib import Path

from made import Client
from made.api.batches import create_batch, get_batch_results
from made.api.classifiers import classify
from made.api.data_sets import create_dataset
from made.api.jobs import create_job, follow_job, get_job
from made.api.models import predict, predict_file
from made.api.results import get_assignments, get_report, list_classes, list_counts
from made.models import (
    BatchIn,
    BatchJobIn,
    BatchOut,
    BodyCreateDataset,
    BodyPredictFile,
    ClassifierConfig,
    ClassifierSummary,
    ClassifyIn,
    ClassifyOut,
    CountConfig,
    DatasetOut,
    DiscoveryConfig,
    DiscoverySummary,
    JobIn,
    JobInKind,
    JobOut,
    JobOutState,
    PredictIn,
    PredictOut,
)
from made.types import File


def main(url: str) -> None:
    """Go the whole way, and say so."""
    client = Client(base_url=url, timeout=120)  # type: ignore[arg-type]
    config = DiscoveryConfig(counts=CountConfig(n_fine=6))
    form = BodyCreateDataset(File(BytesIO(Path("birds.npz").read_bytes()), "birds.npz"))
    dataset = create_dataset.sync(client=client, body=form)
    assert isinstance(dataset, DatasetOut), dataset
    job = create_job.sync(client=client, body=JobIn(dataset.id, config), prefer="wait=0")
    assert isinstance(job, JobOut), job
    told = follow_job.sync(job.id, client=client)
    assert isinstance(told, str)
    events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]
    assert events[-1]["state"] == "succeeded" and events[0]["at"].endswith("Z"), events
    ended = get_job.sync(job.id, client=client)
    assert isinstance(ended, JobOut) and ended.state == JobOutState.SUCCEEDED
    assert isinstance(ended.summary, DiscoverySummary)
    assert ended.summary.n_fine == 6 and ended.summary.stages
    results(client, job.id)
    classifier(client, dataset.id)
    orders = [BatchJobIn(dataset.id, "six", config)]
    batch = create_batch.sync(client=client, body=BatchIn(orders))
    assert isinstance(batch, BatchOut), batch
    assert get_batch_results.sync_detailed(batch.id, client=client).status_code == 200
    print("openapi-python-client works")


def classifier(client: Client, dataset_id: str) -> None:
    """Train one on the coarse labels, and classify with it."""
    config = ClassifierConfig(levels=["coarse"])
    order = JobIn(dataset_id, config, kind=JobInKind.CLASSIFIER)
    job = create_job.sync(client=client, body=order, prefer="wait=60")
    assert isinstance(job, JobOut) and isinstance(job.summary, ClassifierSummary), job
    assert job.summary.n_leaves == 2
    found = classify.sync(job.id, client=client, body=ClassifyIn([[0.0, 0.0, 0.0, 0.0]]))
    assert isinstance(found, ClassifyOut), found
    assert found.predictions[0].path in (["land"], ["water"])


def results(client: Client, job_id: str) -> None:
    """Read what was found, and predict with it."""
    classes = list_classes.sync(job_id, client=client)
    assert isinstance(classes, list) and len(classes) == 6
    counts = list_counts.sync(job_id, client=client)
    assert isinstance(counts, list) and sum(one.n_fine for one in counts) == 6
    rows = get_assignments.sync(job_id, client=client)
    assert isinstance(rows, list) and len(rows) == 240
    report = get_report.sync(job_id, client=client)
    assert isinstance(report, str) and "<html" in report
    found = predict.sync(job_id, client=client, body=PredictIn([[0.0] * 4], coarse=["land"]))
    assert isinstance(found, PredictOut) and found.predictions[0].coarse == "land"
    file = File(BytesIO(Path("birds.npz").read_bytes()), "birds.npz")
    again = predict_file.sync(job_id, client=client, body=BodyPredictFile(file))
    assert isinstance(again, PredictOut) and len(again.predictions) == 240


if __name__ == "__main__":
    main(sys.argv[1])
