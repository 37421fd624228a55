"""Merging of defaults, file and flags; progress lines."""

from __future__ import annotations

import logging

from falcon_svc.cli.settings import Flags, discovery_config, flag_tables
from falcon_svc.cli.show import LineProgress, Pace, shown_progress
from falcon_svc.progress import TAKEN_OVER, THOUSANDTHS, Silent
from falcon_svc.setting_tables import SECTIONS, merged, put


def test_merging_goes_key_by_key_and_changes_nothing():
    below = {"a": {"x": 1, "y": 2}, "b": 3}
    assert merged(below, {"a": {"y": 5}, "c": 4}) == {"a": {"x": 1, "y": 5}, "b": 3, "c": 4}
    assert below == {"a": {"x": 1, "y": 2}, "b": 3}


def test_merging_down_to_sections_replaces_a_setting_that_is_a_mapping():
    below = {"a": {"m": {"owl": 1}, "y": 2}, "b": 3}
    assert merged(below, {"a": {"m": {"tit": 2}}}, SECTIONS)["a"] == {"m": {"tit": 2}, "y": 2}
    assert merged(below, {"a": {"m": {"tit": 2}}})["a"]["m"] == {"owl": 1, "tit": 2}
    tables = {}
    put(tables, ("a", "m", "owl"), 1)
    put(tables, ("a", "y"), 2)
    assert tables == {"a": {"m": {"owl": 1}, "y": 2}}


def test_no_flags_are_no_tables():
    assert flag_tables(Flags()) == {}


def test_auto_overrides_a_total_in_the_file(tmp_path):
    (tmp_path / "f.toml").write_text("[counts]\nn_fine = 6\n")
    given = Flags(config=tmp_path / "f.toml")
    assert discovery_config(given).counts.n_fine == 6
    assert discovery_config(Flags(config=tmp_path / "f.toml", n_fine="auto")).counts.n_fine is None


def test_counts_of_a_flag_replace_those_of_the_file(tmp_path):
    (tmp_path / "f.toml").write_text("[counts.n_fine_per_coarse]\nbird = 2\nfish = [1, 3]\n")
    (tmp_path / "c.json").write_text('{"fish": 4}')
    flags = Flags(config=tmp_path / "f.toml", n_fine_per_coarse=tmp_path / "c.json")
    assert discovery_config(flags).counts.n_fine_per_coarse == {"fish": 4}


def test_lines_tell_speed_and_parts(capsys):
    progress = LineProgress(100)
    progress.stage("head", 2)
    progress.advance(1, {"samples_per_s": 1234.5, "loss": 0.25})
    progress.advance(2, {"samples_per_s": 1234.5, "loss": 0.25})
    assert capsys.readouterr().err == "head\nhead 2/2: 1,234 samples/s, loss 0.25\n"


def test_time_left_shrinks_to_nothing():
    pace = Pace("neighbors", 100, 100)
    pace.began -= 10
    assert "30 s left" in pace.words(25, {})
    assert "samples/s" in pace.words(25, {})
    assert "left" not in pace.words(100, {})
    assert Pace("encoder", 0, 100).part(3) == "3 steps"


def test_what_an_earlier_attempt_did_says_nothing_of_the_pace(capsys):
    pace = Pace("structure", THOUSANDTHS, 100)
    pace.began -= 10
    assert pace.words(800, {TAKEN_OVER: 700}) == "20 s left"
    assert pace.words(800, {TAKEN_OVER: 800}) == ""
    assert pace.words(THOUSANDTHS, {TAKEN_OVER: 700}) == ""
    progress = LineProgress(100)
    progress.stage("structure", THOUSANDTHS)
    progress.advance(THOUSANDTHS, {TAKEN_OVER: THOUSANDTHS})
    assert capsys.readouterr().err == "structure\nstructure 1,000/1,000\n"


def test_a_note_is_told_once_and_not_when_quiet(capsys):
    log = logging.getLogger("falcon_svc.somewhere")
    with shown_progress(10, quiet=False):
        log.info("faiss runs")
        log.info("faiss runs")
    with shown_progress(10, quiet=True) as silent:
        log.info("torch runs")
    assert isinstance(silent, Silent)
    assert capsys.readouterr().err == "note: faiss runs\n"
