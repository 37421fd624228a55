"""What is wrong is led to by a pointer through what was given, and said in plain words."""

from __future__ import annotations

import pytest

from falcon_svc.config import make_config
from falcon_svc.errors import ConfigError, MissingExtraError
from falcon_svc.settings import _check_names
from falcon_svc.wrong_fields import wrong_fields

BAD = {
    "counts": {"n_fine": "many", "n_fine_per_coarse": {"a/b": [3, 1], "c": "x"}},
    "train": {"epochs": -1, "learning": 3},
    "seed": True,
    "devise": "cpu",
}


def test_every_wrong_setting_is_listed_with_its_pointer():
    with pytest.raises(ConfigError) as refused:
        make_config(BAD)
    found = {one["pointer"]: one["detail"] for one in refused.value.errors}
    assert {
        "/counts/n_fine", "/counts/n_fine_per_coarse/c", "/train/epochs", "/train/learning",
        "/seed", "/devise",
    } <= set(found)  # fmt: skip
    assert found["/devise"] == found["/train/learning"] == "there is no such name here"
    assert found["/train/epochs"].endswith("found -1")
    assert "more)" in str(refused.value)
    for text in (str(refused.value), *found.values()):
        assert "Extra inputs" not in text and "Input should" not in text


def test_a_value_that_fits_no_alternative_is_one_thing_that_is_wrong():
    """pydantic names each alternative that it tried; nobody wrote those."""
    with pytest.raises(ConfigError) as refused:
        make_config({"counts": {"n_fine_per_coarse": {"c": "x"}}})
    (wrong,) = refused.value.errors
    assert wrong["pointer"] == "/counts/n_fine_per_coarse/c"
    assert " or " in wrong["detail"] and "function" not in wrong["detail"]


def test_slashes_in_names_are_escaped():
    with pytest.raises(ConfigError) as refused:
        make_config({"counts": {"n_fine_per_coarse": {"a/b~c": 0}}})
    assert refused.value.errors[0]["pointer"] == "/counts/n_fine_per_coarse/a~1b~0c"


@pytest.mark.parametrize(
    ("name", "meant"),
    [("FALCON_SLOT", "FALCON_SLOTS"), ("FALCON_KEY_REQUIRED", "FALCON_KEYS_REQUIRED"),
     ("FALCON_WORKER_THREAD", "FALCON_WORKER_THREADS"), ("FALCON_DATADIR", "FALCON_DATA_DIR")],
)  # fmt: skip
def test_a_misspelt_setting_is_refused(name, meant):
    with pytest.raises(ConfigError, match=meant):
        _check_names({name: "1"})


@pytest.mark.parametrize("name", ["FALCON_URL", "FALCON_KEY", "FALCON_CLIENT_ID", "FALCON_FAULTS",
                                  "FALCON_CLOCK", "SLOT", "FALCON_SLOTS"])  # fmt: skip
def test_other_variables_are_nobodys_business(name):
    _check_names({name: "1"})


def test_advice_to_install_works_from_the_clone():
    """The name on PyPI is not ours."""
    text = str(MissingExtraError("h5py", extra="singlecell", purpose="Reading .h5ad"))
    assert "pip install -e '.[singlecell]'" in text
    assert "install 'falcon-svc" not in text


def test_none_is_no_way_out_that_a_sentence_names():
    error = {"type": "none_required", "msg": "Input should be None", "input": "x", "loc": ("n",)}
    (wrong,) = wrong_fields([{**error, "type": "int_type", "msg": "Input should be 1"}, error], {})
    assert wrong["detail"] == "expected 1, found 'x'"
