"""What a sample is, for people: its text, its picture, or its values.

A result keeps texts and thumbnails (`falcon_svc.result.samples`); the data set that it was made of
has the images in full. Without either, samples are shown as heat strips. Pictures are decoded and
encoded anew: no byte of a user's file reaches a browser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from falcon_svc.errors import InputError
from falcon_svc.result.samples import Thumbnails, jpeg, read_samples
from falcon_svc.triage.apart import class_words, words_of

if TYPE_CHECKING:
    from falcon_svc.result.record import Discovery
    from falcon_svc.types import CoarseDataset

SIDE = 192
"""Pixels of a picture's side."""

MOST_TEXT = 2_000
MOST_WORDS = 12
CLEARLY_MORE = 3.0
"""Times as often as beside it that a word has to be there, to mark a class."""


@dataclass(frozen=True, eq=False)
class Content:
    """What is shown of a result's samples.

    Parameters
    ----------
    dataset : CoarseDataset, optional
        The data set, in full or as the result keeps it; None = there is nothing but vectors.
    source : Path, optional
        The data set's file, where it was read in full.
    """

    dataset: CoarseDataset | None = None
    source: Path | None = None

    @classmethod
    def kept(cls, directory: Path, discovery: Discovery) -> Content:
        """Return what a result keeps of its samples."""
        return cls(read_samples(directory, discovery))

    @classmethod
    def read(cls, path: Path, discovery: Discovery) -> Content:
        """Read the data set of a result again, by the settings of that run.

        Raises
        ------
        InputError
            It cannot be read, or is another one.
        """
        from falcon_svc.data import DataConfig, load_dataset

        config = DataConfig.model_validate(discovery.config.get("data", {}))
        dataset = load_dataset(path, config)
        if dataset.ids != discovery.ids:
            raise InputError(
                f"The data set that the result was made of was expected, but {path.name} has "
                "other samples; give the file that `falcon discover` read."
            )
        return cls(dataset, path)

    @property
    def has_images(self) -> bool:
        """Whether samples are images."""
        return self.dataset is not None and self.dataset.images is not None

    @property
    def texts(self) -> tuple[str, ...] | None:
        """(N,) texts, where there are some."""
        return None if self.dataset is None else self.dataset.texts

    def text(self, row: int) -> str | None:
        """Return the text of a sample, shortened to 2,000 characters."""
        if self.texts is None:
            return None
        text = self.texts[row]
        return text if len(text) <= MOST_TEXT else f"{text[:MOST_TEXT]} …"

    def picture(self, row: int) -> bytes | None:
        """Return a sample's image as JPEG of 192 x 192 pixels, or of the thumbnail's size."""
        if self.dataset is None or self.dataset.images is None:
            return None
        images = self.dataset.images
        if isinstance(images, Thumbnails):
            return images.encoded(row)
        return jpeg(images.read(row, row + 1, side=SIDE)[0])

    def matching(self, row: int, words: str) -> bool:
        """Return whether a sample's text holds some words, case aside."""
        return self.texts is not None and words.casefold() in self.texts[row].casefold()

    @cached_property
    def _words(self) -> list[frozenset[str]]:
        return [frozenset(words_of(text)) for text in self.texts or ()]

    def marking_words(self, number: int, groups: Mapping[int, Sequence[int]]) -> list[str]:
        """Return the words that mark a class among its siblings, strongest first.

        Those of `class_words`, without what is about as frequent in the siblings' texts.

        Parameters
        ----------
        number : int
            Number of the class.
        groups : mapping
            Number -> rows, of the class and its siblings.
        """
        texts = self.texts
        if texts is None:
            return []
        found = class_words({n: [texts[row] for row in rows] for n, rows in groups.items()}, 60)
        beside = [row for n, rows in groups.items() if n != number for row in rows]
        return [
            mark.name
            for mark in found[number]
            if self._share(mark.name, groups[number])
            > CLEARLY_MORE * self._share(mark.name, beside)
        ][:MOST_WORDS]

    def _share(self, word: str, rows: Sequence[int]) -> float:
        """Share of texts with a word, as if half a text more had it."""
        return (sum(word in self._words[row] for row in rows) + 0.5) / (len(rows) + 1)
