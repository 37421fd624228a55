"""Formulas of docstrings, ``:math:`` and ``.. math::``, as MathML, which browsers draw."""

from __future__ import annotations

import re
from typing import Any

from latex2mathml.converter import convert
from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor

_INLINE = re.compile(r":math:`([^`]+)`")
_BLOCK = re.compile(r"^\.\. math::[ ]*(.*(?:\n(?:[ ]{2,}.*)?)*)", re.M)


class Formulas(Extension):
    """A Markdown extension; code blocks are out of its reach, as they are put aside before."""

    def extendMarkdown(self, md: Any) -> None:
        """Register the step that turns formulas into MathML."""
        md.preprocessors.register(_ToMathML(md), "formulas", 20)


class _ToMathML(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        text = _BLOCK.sub(lambda m: f"{self._kept(m[1], 'block')}\n\n", "\n".join(lines))
        return _INLINE.sub(lambda m: self._kept(m[1], "inline"), text).split("\n")

    def _kept(self, formula: str, display: str) -> str:
        mathml = convert(" ".join(formula.split()), display=display)
        return str(self.md.htmlStash.store(mathml))
