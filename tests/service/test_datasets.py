"""Data sets and uploads without HTTP: names, quotas, what refusals and deletions leave."""

from __future__ import annotations

from hashlib import sha256

import pytest

from falcon_svc.service import datasets, uploads
from falcon_svc.service.datasets import Upload, check_name
from falcon_svc.service.refusals import RequestError
from falcon_svc.storage.datasets import DatasetRepository, file_key, folder_key

DATA = b"PK\x03\x04 not really"


def staged(context, name="a.npz", content=DATA):
    path = context.staging.new_file()
    path.write_bytes(content)
    return Upload(path, name, len(content), sha256(content).hexdigest())


def add(context, caller, *, key=None, name="a.npz", content=DATA, options=None, labels=None):
    upload = staged(context, name, content)
    return datasets.add(context, caller, upload, options or {}, {}, labels=labels, key=key)


def files(context):
    return [path for path in context.settings.data_dir.rglob("*.*") if "falcon.db" not in path.name]


@pytest.mark.parametrize(
    "name",
    ["", "a/b.npz", "..\\a.npz", "a\x00.npz", "a\r\nb.npz", "a\x7f.npz", "\u202egnp.npz", "x" * 201,
     "a\u2028.npz", "a\ud800.npz", "a\u200b.npz"],
)  # fmt: skip
def test_names_that_are_no_plain_words_are_refused(name):
    with pytest.raises(RequestError) as refused:
        check_name(name)
    assert refused.value.code == "bad_name"
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["a.npz", "Vögel am See.npz", "鳥.npz", "a..b.npz", "x" * 200])
def test_names_in_any_language_are_taken(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"content": b""}, "empty"),
        ({"name": "model.pt"}, "unsupported_format"),
        ({"name": "model.safetensors"}, "unsupported_format"),
        ({"name": "../a.npz"}, "bad_name"),
        ({"options": {"max_bytes": 1}}, "unknown_option"),
        ({"content": b"x" * 2000}, "quota_exceeded"),
    ],
)
def test_what_is_refused_leaves_no_file_and_no_row(make_context, ann, given, code):
    context = make_context(max_dataset_bytes=1000)
    with pytest.raises(RequestError) as refused:
        add(context, ann, **given)
    assert refused.value.code == code
    assert datasets.page(context, ann, size=9, before=None) == ([], False)
    assert context.artifacts.names("datasets") == []
    assert not list(context.staging.own.iterdir())
    assert add(context, ann)[1]


def test_labels_come_with_npy_files_only(context, ann):
    with pytest.raises(RequestError) as refused:
        add(context, ann, labels=staged(context, "l.csv"))
    assert refused.value.code == "unsupported_format"
    made, _ = add(context, ann, name="x.npy", labels=staged(context, "l.csv", b"coarse\na\n"))
    assert context.artifacts.names(folder_key(made.id)) == ["data.npy", "labels.csv"]


def test_the_same_upload_with_the_same_key_is_one_data_set(context, ann):
    first, new = add(context, ann, key="k")
    again, newer = add(context, ann, key="k")
    assert (first.id, new, newer) == (again.id, True, False)
    assert context.artifacts.names("datasets") == [first.id]


def test_deleting_takes_files_and_bytes_back(make_context, ann):
    context = make_context(max_dataset_bytes=len(DATA))
    made, _ = add(context, ann)
    with pytest.raises(RequestError):
        add(context, ann)
    datasets.delete(context, ann, made.id)
    assert context.artifacts.names("datasets") == []
    assert add(context, ann)[1]


def test_an_invalid_data_set_has_no_bytes(make_context, ann):
    context = make_context(max_dataset_bytes=len(DATA))
    made, _ = add(context, ann)
    with context.database.write() as session:
        error = {"code": "empty", "detail": "Nothing."}
        DatasetRepository(session).validated(made.id, summary=None, error=error)
    assert add(context, ann)[1]


def test_others_do_not_see_it(context, ann, bob):
    made, _ = add(context, ann)
    for do in (datasets.get, datasets.delete):
        with pytest.raises(RequestError) as refused:
            do(context, bob, made.id)
        assert refused.value.code == "not_found"
    assert datasets.get(context, ann, made.id).id == made.id


def test_an_upload_counts_once_when_it_is_complete(make_context, ann):
    context = make_context(max_dataset_bytes=len(DATA), max_datasets=1)
    assert context.staging.own.is_dir()
    upload = uploads.begin(context, ann, "a.npz", len(DATA))
    part = uploads.open_part(context, ann, upload.id, 1)
    part.write(DATA)
    part.finish()
    part.discard()  # closes it
    with pytest.raises(RequestError) as refused:
        uploads.begin(context, ann, "b.npz", 1)
    assert refused.value.code == "quota_exceeded"
    digest = sha256(DATA).hexdigest()
    made = uploads.complete(context, ann, upload.id, digest, {}, {})
    assert made.size_bytes == len(DATA)
    assert uploads.complete(context, ann, upload.id, digest, {}, {}).id == made.id
    assert uploads.get(context, ann, upload.id)[0].dataset_id == made.id
    assert not (context.staging.root / upload.id).exists()


def stored(context, dataset):
    return context.artifacts.local_path(file_key(dataset.id, ".npz"))


def test_bytes_that_come_again_are_kept_once(context, ann, bob):
    first, second = (add(context, ann, name=name)[0] for name in ("a.npz", "b.npz"))
    other = add(context, bob)[0]
    assert stored(context, first).samefile(stored(context, second))
    assert not stored(context, first).samefile(stored(context, other))  # tenants share nothing
    assert (first.id, first.name, first.sha256) != (second.id, second.name, second.sha256)
    datasets.delete(context, ann, first.id)
    assert stored(context, second).read_bytes() == DATA


def test_a_damaged_file_is_not_taken_for_what_comes_again(context, ann):
    """Sending a data set again is the remedy for one that was damaged."""
    first = add(context, ann)[0]
    stored(context, first).write_bytes(b"changed")
    second = add(context, ann)[0]
    assert stored(context, second).read_bytes() == DATA
