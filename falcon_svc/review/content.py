"""What a sample is, for people: its text, its picture, or its values.

A result holds features only. Texts and images lie in the data set that it was made of, which is
read again for the review; without it, samples are shown as heat strips. Pictures are decoded and
encoded anew: no byte of a user's file reaches a browser.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.errors import InputError

if TYPE_CHECKING:
    from falcon_svc.result.record import Discovery
    from falcon_svc.types import CoarseDataset, Images

SIDE = 192
"""Pixels of a picture's side."""

MOST_TEXT = 2_000
CLEARLY_MORE = 1.5
"""Times as often as beside it that a word is there, to mark a class."""

WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True, eq=False)
class Content:
    """Texts and images by row; both None where the data set is not at hand.

    Parameters
    ----------
    texts : tuple of str, optional
        (N,)
    images : Images, optional
        N of them.
    """

    texts: tuple[str, ...] | None = None
    images: Images | None = None

    @classmethod
    def of(cls, dataset: CoarseDataset, discovery: Discovery) -> Content:
        """Return what a data set shows.

        Raises
        ------
        InputError
            It is not the data set of this result.
        """
        if dataset.ids != discovery.ids:
            raise InputError(
                "The data set that the result was made of was expected, but this one has other "
                "samples; give the file that `falcon discover` read."
            )
        return cls(dataset.texts, dataset.images)

    def text(self, row: int) -> str | None:
        """Return the text of a sample, shortened to 2,000 characters."""
        if self.texts is None:
            return None
        text = self.texts[row]
        return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"

    def picture(self, row: int) -> bytes | None:
        """Return a sample's image as WebP of 192 x 192 pixels."""
        if self.images is None:
            return None
        from PIL import Image

        pixels = self.images.read(row, row + 1, side=SIDE)[0]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "WEBP", quality=82)
        return buffer.getvalue()

    def matching(self, row: int, words: str) -> bool:
        """Return whether a sample's text holds some words, case aside."""
        return self.texts is not None and words.casefold() in self.texts[row].casefold()

    @cached_property
    def _words(self) -> list[frozenset[str]]:
        return [frozenset(_words_of(text)) for text in self.texts or ()]

    def marking_words(
        self, rows: Sequence[int], others: Sequence[int], most: int
    ) -> list[dict[str, float | str]]:
        """Return the words that mark a class among its siblings, strongest first.

        Its part of the Kullback-Leibler divergence (Tomokiyo and Hurst 2003): p log(p / q), with p
        and q the shares of texts with the word in the class and beside it, one text added to both.
        """
        if self.texts is None:
            return []
        own, n_own = self._counted(rows)
        away, n_away = self._counted(others)
        weight = {}
        for word, count in own.items():
            p, q = count / n_own, (away[word] + 1) / (n_away + 1)
            if count > 1 and p > CLEARLY_MORE * q:
                weight[word] = p * math.log(p / q)
        ranked = sorted(weight, key=lambda word: (-weight[word], word))[:most]
        return [{"word": word, "weight": round(weight[word], 5)} for word in ranked]

    def _counted(self, rows: Sequence[int]) -> tuple[Counter[str], int]:
        """How many of some texts hold each word, and how many texts there are."""
        counts: Counter[str] = Counter()
        for row in rows:
            counts.update(self._words[row])
        return counts, len(rows)


def read_content(path: Path, discovery: Discovery) -> Content:
    """Read the data set of a result again, by the settings of that run.

    Raises
    ------
    InputError
        It cannot be read, or is another one.
    """
    from falcon_svc.data import DataConfig, load_dataset

    config = DataConfig.model_validate(discovery.config.get("data", {}))
    return Content.of(load_dataset(path, config), discovery)


def _words_of(text: str) -> tuple[str, ...]:
    return tuple(WORD.findall(text.casefold()))
