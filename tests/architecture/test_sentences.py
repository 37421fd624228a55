"""Every text that a user sees stands by itself: no half sentence that needs its neighbour."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import modules

SHOWN = ("description", "help")
FRAGMENT = re.compile(
    "(Of|See|As|Among|Below|Yours|Once|Its|It|Until|In|From|To|Than|For|Only|Them|They|That|"
    "Instead|With|Without|First|Kept)\\b"
)
WHOLE = re.compile(r"[A-Z0-9`].*\.", re.S)


def shown_texts() -> Iterator[tuple[str, str]]:
    """Yield (place, text) of the help of flags, settings, and the API's documents."""
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.keyword) and node.arg in SHOWN:
                value = node.value
                if isinstance(value, ast.Constant) and isinstance(value.value, str):
                    yield f"{module.name}:{node.value.lineno}", value.value


def test_no_text_begins_in_the_middle():
    texts = list(shown_texts())
    assert len(texts) > 300
    wrong = [(place, text) for place, text in texts if FRAGMENT.match(text)]
    assert wrong == []


def test_every_text_begins_and_ends_as_a_sentence():
    """Those of benchmarks are argparse's, which have no capitals and no full stops."""
    texts = [(place, text) for place, text in shown_texts() if "bench" not in place]
    assert [(place, text) for place, text in texts if not WHOLE.fullmatch(text)] == []
