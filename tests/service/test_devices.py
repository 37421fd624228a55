"""A job whose device this installation can never give is refused, by name."""

from __future__ import annotations

import pytest

from falcon_svc.service.devices import Devices
from falcon_svc.service.refusals import RequestError
from falcon_svc.settings import Settings


def devices(tmp_path, **settings) -> Devices:
    made = Devices(Settings(data_dir=tmp_path, **settings))
    made.look()
    return made


def test_cuda_is_refused_where_there_is_no_gpu(tmp_path):
    found = devices(tmp_path, gpus=0)
    with pytest.raises(
        RequestError, match=r"this service has \(auto, cpu\), found 'cuda'"
    ) as error:
        found.check("cuda")
    assert error.value.code == "no_such_device"
    found.check("auto")
    found.check("cpu")


def test_cuda_is_taken_where_there_is_a_gpu(tmp_path):
    found = devices(tmp_path, gpus=1)
    assert "cuda" in found.known
    found.check("cuda")


def test_nothing_is_refused_before_the_engine_was_asked(tmp_path):
    found = Devices(Settings(data_dir=tmp_path, gpus=0))
    found.check("cuda")
    found.look()
    with pytest.raises(RequestError):
        found.check("cuda")
