"""`falcon bench hierarchy`: a row per loss and inference, the peers beside, flags documented."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest

from falcon_svc.bench import hierarchy_bench
from falcon_svc.bench.hierarchy_bench import COLUMNS, run
from falcon_svc.bench.hierarchy_discovered import FOUND, matched, relabelled
from falcon_svc.bench.hierarchy_peers import _node_scores, flat
from falcon_svc.bench.hierarchy_split import Split
from falcon_svc.bench.set_name import SetName
from falcon_svc.errors import ConfigError, InputError
from falcon_svc.hierarchy import Tree
from tests.architecture.sources import ROOT

SET = "planted:3,2@dim=8,seed=1"
PAGE = (ROOT / "docs" / "benchmarks-hierarchy.md").read_text("utf-8")


def test_a_row_per_loss_and_inference(tmp_path, capsys):
    file = tmp_path / "figures.json"
    arguments = [SET, "--seeds", "0", "--losses", "hace,deep_rtc", "--no-peers", "--quiet"]
    assert hierarchy_bench.main([*arguments, "--json", str(file)]) == 0
    table = capsys.readouterr().out
    rows = json.loads(file.read_text())["sets"][0]["rows"]
    assert {(row["method"], row["inference"]) for row in rows} == {
        *(("hace", rule) for rule in ("bottom_up", "ensemble", "diffusion", "learned_diffusion")),
        *(("deep_rtc", rule) for rule in ("own", "bottom_up")),
    }
    assert rows[0]["figures"]["leaf_top1"]["mean"] > 0.9
    assert all(name in table for name in COLUMNS)


def test_both_sides_get_the_same_rows_once():
    data = SetName.parse(SET).load()
    split = Split.of(data, 0)
    assert len(split.train) + len(split.test) == len(data.judged)
    held = split.held_out()
    assert len(held.train) + len(held.test) == len(split.train)
    seen = np.concatenate([split.train, split.test])
    assert len(np.unique(seen, axis=0)) == len(np.unique(data.features, axis=0))


def test_discovered_classes_take_the_names_of_true_ones():
    """Matched one to one where rows allow it; what is left over goes to its majority."""
    found, true = np.array([0, 0, 0, 1, 1, 2, 2]), np.array([4, 4, 5, 4, 4, 4, 6])
    assert matched(found, true).tolist() == [5, 5, 5, 4, 4, 6, 6]
    assert matched(np.array([0, 1, 2]), np.array([4, 4, 4])).tolist() == [4, 4, 4]


@pytest.mark.parametrize("title", FOUND)
def test_a_discovery_sees_no_fine_label(title):
    split = Split.of(SetName.parse(SET).load(), 0)
    found = relabelled(split, title)
    coarse = split.tree.ancestor_at[:, 1]
    assert np.array_equal(coarse[found.train_nodes], coarse[split.train_nodes])
    assert (found.train_nodes == split.train_nodes).mean() > 0.9
    assert np.array_equal(found.test_nodes, split.test_nodes)


def test_rows_of_discovered_classes():
    table, document = run([SET], seeds=[0], losses=["hace"], peers=False, discovered=True)
    rows = {row["method"]: row["figures"] for row in document["sets"][0]["rows"]}
    assert set(rows) == {"hace", *(f"hace, {title}" for title in FOUND)}
    assert rows["hace, discovered, counts given"]["leaf_top1"]["mean"] > 0.9
    assert "discovered, nothing given" in table


def test_the_flat_peer_answers_for_every_node():
    split = Split.of(SetName.parse(SET).load(), 0)
    answer = flat(split.train, split.train_nodes, split.test, split.tree)
    assert answer.scores.shape == (len(split.test), split.tree.n_nodes)
    assert np.allclose(answer.scores[:, 0], 1)
    assert (answer.nodes == split.test_nodes).mean() > 0.9


def test_hiclass_columns_go_to_their_nodes():
    tree = Tree.from_paths([("a", "x"), ("b", "y")])
    levels = [np.array([[0.7, 0.3]]), np.array([[0.6, 0.1]])]
    found = _node_scores(levels, [["b", "a"], ["x", "y"]], tree, 1)
    assert found[0, [tree.node(name) for name in "abxy"]].tolist() == [0.3, 0.7, 0.6, 0.1]


def test_an_unknown_loss_is_one_sentence():
    with pytest.raises(ConfigError, match="Expected losses among"):
        run([SET], seeds=[0], losses=["hxe"])


def test_every_flag_is_documented(capsys):
    with pytest.raises(SystemExit):
        hierarchy_bench.main(["--help"])
    flags = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    usage = re.search(r"^falcon bench hierarchy .*$", PAGE, re.MULTILINE)[0]
    assert all(f"[{flag}" in usage for flag in flags)


def named_set(folder, fine):
    """A made set as a file, whose fine classes are called so."""
    data = SetName.parse(SET).load()
    names = np.array(data.dataset.coarse.names)
    np.savez(
        folder / "named.npz",
        x=data.features,
        coarse=names[data.dataset.coarse.labels],
        fine=np.array(fine)[data.truth],
    )
    return str(folder / "named.npz")


def embeddings(folder, names):
    vectors = np.random.default_rng(0).normal(size=(len(names), 6))
    np.savez(folder / "texts.npz", names=np.array(names), embeddings=vectors)
    return str(folder / "texts.npz")


FINE = ["jay", "wren", "owl", "cod", "eel"]


def test_hccf_on_class_names_has_rows_of_its_own(tmp_path):
    texts = embeddings(tmp_path, [*FINE, "coarse 0", "coarse 1"])
    options = {"seeds": [0], "losses": ["hccf"], "peers": False, "texts": texts}
    _, document = run([named_set(tmp_path, FINE), SET], **options)
    named, unnamed = ({row["method"] for row in one["rows"]} for one in document["sets"])
    assert named == {"hccf", "hccf, class names"} and unnamed == {"hccf"}
    of_names = [row for row in document["sets"][0]["rows"] if row["method"] != "hccf"]
    assert of_names[0]["figures"]["leaf_top1"]["mean"] > 0.9


def test_numbers_are_no_class_names(tmp_path):
    assert SetName.parse(named_set(tmp_path, list("01234"))).fine_names() == ()
    assert SetName.parse(named_set(tmp_path, FINE)).fine_names() == tuple(sorted(FINE))
    assert SetName.parse(f"{named_set(tmp_path, FINE)}@null=gaussian").fine_names() == ()


def test_a_class_without_an_embedding_is_one_sentence(tmp_path):
    texts = embeddings(tmp_path, FINE)
    with pytest.raises(InputError, match=r"none for 'coarse 0' and 1 more in .*texts\.npz"):
        run([named_set(tmp_path, FINE)], seeds=[0], losses=["hccf"], peers=False, texts=texts)
