"""Numbers written as text: which mark is the decimal one, and which cells are no numbers.

A whole column is judged at once, since one cell such as ``1,234`` says nothing. Arrow's kernels
(RE2, casts) do the work; the patterns below are what we accept:

====================  =============================  ==========================
decimal point         ``1.5``, ``-2e-3``, ``.5``     ``1,234.5`` (groups of 3)
decimal comma         ``1,5``, ``-2,0e-3``           ``1.234,5``
either                ``12``, ``inf``                ``1 234``, ``1'234``
====================  =============================  ==========================

Before that, other ways to write the same number are undone (`_plain`): Arabic and wide digits,
``="1.5"`` and ``'1.5`` of Excel, ``1.5D+03`` of Fortran, ``np.float64(1.5)``, ``[1.5]``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from falcon_svc.types import BoolArray

MISSING_WORDS = ("", "na", "n/a", "nan", "-nan", "null", "none", "<na>", "#n/a", "#na")
EXPONENT = r"([eE][+-]?\d+)?"
POINT = rf"^[+-]?(\d+\.?\d*|\.\d+){EXPONENT}$|^[+-]?(inf|Inf|INF|infinity|Infinity)$"
POINT_GROUPS = r"^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d+)?$"
COMMA = rf"^[+-]?(\d+(,\d+)?|,\d+){EXPONENT}$|^[+-]?(inf|Inf|INF|infinity|Infinity)$"
COMMA_GROUPS = r"^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d+)?$"
BLANKS = "[ '\u2019\u00a0\u2007\u2009\u202f]"
BLANK_GROUPS = rf"^[+-]?\d{{1,3}}({BLANKS}\d{{3}})+([.,]\d+)?$"
NUMERAL = r"([+-]?[\d.,]*\d[.,]?([eE][+-]?\d+)?)"
PRINTED = rf"^=\"{NUMERAL}\"$|^(?:np\.)?(?:float|int|uint)\d*\({NUMERAL}\)$|^tensor\({NUMERAL}\)$"
QUOTED = rf"^'{NUMERAL}$|^\[{NUMERAL}\]$"
FORTRAN = r"^([+-]?\d*[.,]\d*)[dD]([+-]?\d+)$"
WITH_UNIT = r"^[^\w\s]?\s*[+-]?\d[\d.,]*\s*(%|‰|[A-Za-zµ°€$£/²³]+)$|^[$€£]\s*[+-]?\d[\d.,]*$"
BARE = r"[+-]?\d+(?:[.,'_]\d+)*"
BEFORE = r"(?:[^\w\s]{1,2}\s?|[A-Za-z]{1,3}[.$]?\s?)?"
NEARLY = rf"^{BEFORE}{BARE}[^\d,]{{0,8}}(?:{BARE}[^\d,]{{0,4}}){{0,2}}$"
DATED = r"^\d{1,4}[-./]\d{1,2}[-./]\d{1,4}|^\d+(?:\.\d+){2}|^[A-Za-z]{1,3}\d"
"""What is one to three numbers with something around them; of these, no dates, versions, codes."""
OTHER_DIGITS = {chr(zero + k): str(k) for zero in (0x660, 0x6F0, 0xFF10) for k in range(10)}
OTHER_MARKS = {"\u066b": ".", "\uff0e": ".", "\uff0c": ",", "\uff0d": "-"}
TRANSLATED = str.maketrans(OTHER_DIGITS | OTHER_MARKS)

Mark = Literal[".", ","]


@dataclass(frozen=True)
class NumberText:
    """One column of text, judged.

    Parameters
    ----------
    texts
        The cells without outer blanks, groups of digits joined.
    missing, by_point, by_comma
        (rows,) no value; a number with a decimal point; a number with a decimal comma.
    with_unit
        (rows,) no number as it stands, but one with something beside it: ``12 %``, ``3.4 ± 0.2``.
    """

    texts: pa.ChunkedArray
    missing: BoolArray
    by_point: BoolArray
    by_comma: BoolArray
    with_unit: BoolArray

    @classmethod
    def of(cls, values: pa.ChunkedArray) -> NumberText:
        """Judge a column of strings."""
        texts = _plain(pc.utf8_trim_whitespace(pc.cast(values, pa.large_string())))
        words = pa.array(MISSING_WORDS, pa.large_string())
        missing = pc.or_(pc.is_null(texts), pc.fill_null(_in(texts, words), True))
        by_point = _matches(texts, POINT, POINT_GROUPS)
        by_comma = _matches(texts, COMMA, COMMA_GROUPS)
        units = _matches(texts, WITH_UNIT, NEARLY) & ~_matches(texts, DATED) & ~by_point & ~by_comma
        return cls(texts, _bools(missing), by_point, by_comma, units)

    @property
    def present(self) -> int:
        """Cells with a value."""
        return int((~self.missing).sum())

    @property
    def is_number(self) -> bool:
        """Whether this is a column of numbers: at least half of the values are."""
        best = max(int(self.by_point.sum()), int(self.by_comma.sum()))
        return best > 0 and 2 * best >= self.present

    @property
    def mark(self) -> Mark | None:
        """The decimal mark that explains most cells; None when both do and they differ."""
        point, comma = int(self.by_point.sum()), int(self.by_comma.sum())
        if point != comma:
            return "." if point > comma else ","
        return None if self._marked().any() else "."

    @property
    def is_decided(self) -> bool:
        """Whether the cells themselves say which mark is the decimal one."""
        return int(self.by_point.sum()) != int(self.by_comma.sum())

    def _marked(self) -> BoolArray:
        """Cells that hold a mark and are a number either way."""
        found = _bools(pc.fill_null(pc.match_substring_regex(self.texts, "[.,]"), False))
        both: BoolArray = found & self.by_point & self.by_comma
        return both

    def example(self) -> str:
        """Return a cell that is a number either way."""
        return str(self.texts[int(np.flatnonzero(self._marked())[0])].as_py())

    def wrong(self, mark: Mark) -> NDArray[np.int64]:
        """Return the rows whose cells are no numbers under this mark."""
        return np.flatnonzero(~self.missing & ~self._fit(mark))

    def values(self, mark: Mark) -> NDArray[np.float64]:
        """Return (rows,) numbers; NaN where missing or wrong."""
        group = "," if mark == "." else "."
        texts = pc.replace_substring(self.texts, pattern=group, replacement="")
        if mark == ",":
            texts = pc.replace_substring(texts, pattern=",", replacement=".")
        fit = pa.array(self._fit(mark))
        plain = pc.if_else(fit, _combined(texts), pa.scalar(None, pa.large_string()))
        # Arrow's parser knows neither a leading plus nor a bare closing point.
        plain = pc.replace_substring_regex(plain, pattern=r"^\+", replacement="")
        found = pc.cast(plain, pa.float64())
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.float64)

    def _fit(self, mark: Mark) -> BoolArray:
        return self.by_point if mark == "." else self.by_comma


def _plain(texts: Any) -> Any:
    """Return numbers in ASCII, without what Excel, numpy and Fortran write, groups joined."""
    if pc.any(pc.match_substring_regex(texts, f"[{''.join(OTHER_DIGITS)}]")).as_py():
        words = [text and text.translate(TRANSLATED) for text in texts.to_pylist()]
        texts = pa.chunked_array([pa.array(words, pa.large_string())])
    texts = pc.replace_substring(texts, pattern="\u2212", replacement="-")
    for pattern, bare in ((PRINTED, r"\1\3\5"), (QUOTED, r"\1\3"), (FORTRAN, r"\1e\2")):
        texts = pc.replace_substring_regex(texts, pattern=pattern, replacement=bare)
    grouped = pc.match_substring_regex(texts, BLANK_GROUPS)
    joined = pc.replace_substring_regex(texts, pattern=BLANKS, replacement="")
    return pc.if_else(pc.fill_null(grouped, False), joined, texts)


def _combined(values: Any) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _in(texts: Any, words: pa.Array) -> Any:
    return pc.is_in(pc.utf8_lower(texts), value_set=words)


def _matches(texts: Any, *patterns: str) -> BoolArray:
    pattern = "|".join(patterns)
    return _bools(pc.fill_null(pc.match_substring_regex(texts, pattern), False))


def _bools(values: Any) -> BoolArray:
    return np.asarray(_combined(values).to_numpy(zero_copy_only=False), dtype=np.bool_)
