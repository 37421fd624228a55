"""One rule says which samples are in doubt, whoever asks."""

from __future__ import annotations

import numpy as np

from falcon_svc.report.evidence import collect_evidence, share_of_border_samples
from falcon_svc.result.doubt import BORDER_MARGIN, at_border, border_rows, suspect_rows
from falcon_svc.service.results import samples
from tests.discoveries import pretend_blobs


def test_report_and_api_name_the_same_border_samples_and_suspects():
    found = pretend_blobs(per_fine=40)[2]
    ids = np.array(found.ids)
    for fine, evidence in enumerate(collect_evidence(found)):
        rows = border_rows(found, fine)
        assert (found.assignments.margin[rows] < BORDER_MARGIN).all()
        assert list(evidence.border) == rows[: len(evidence.border)].tolist()
        for kind, expected in (("border", rows), ("suspect", suspect_rows(found, fine))):
            told = [one["id"] for one in samples(found, fine, kind, most=1000)]
            assert told == ids[expected].tolist()
    assert share_of_border_samples(found) == at_border(found.assignments).mean()
