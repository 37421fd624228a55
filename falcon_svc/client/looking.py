"""Samples and classes of a result under review, looked at. A part of `Review`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from falcon_svc.client.asking import Document
from falcon_svc.client.review_calls import ReviewCalls


class Looking(ReviewCalls):
    """The methods that show classes and samples."""

    def samples(self, class_id: str, order: str = "central", **filters: Any) -> Document:
        """Return samples of a class.

        Parameters
        ----------
        class_id
            Id of the class, such as "c3".
        order
            "central" or another order of docs/triage-page.md.
        **filters
            `start`, `limit`, `most_confidence` in [0, 1], or `words`.

        Returns
        -------
        dict
            The samples, and how many there are in all.
        """
        return self._get(f"/classes/{class_id}/samples", order=order, **filters)

    def select(self, class_id: str, order: str = "all", **filters: Any) -> Document:
        """Return all samples of a class that match as a selection: `count` and `rows`.

        Parameters
        ----------
        class_id
            Id of the class, such as "c3".
        order
            "all" or another order of docs/triage-page.md.
        **filters
            `most_confidence` in [0, 1], or `words`.

        Returns
        -------
        dict
            `count`, and `rows` as a correction takes them.
        """
        return self._get(f"/classes/{class_id}/selection", order=order, **filters)

    def evidence(self, class_id: str) -> Document:
        """Return what sets a class apart.

        Parameters
        ----------
        class_id
            Id of the class, such as "c3".

        Returns
        -------
        dict
            Words, columns or samples that mark it, as docs/api.md shows them.
        """
        return self._get(f"/classes/{class_id}/evidence")

    def acceptance(self, class_id: str, **plan: float) -> Document:
        """Return which samples to look at before a class is accepted.

        Parameters
        ----------
        class_id
            Id of the class, such as "c3".
        **plan
            `purity` and `confidence` in (0, 1), or `most_wrong` >= 0.

        Returns
        -------
        dict
            How many samples to look at, and which.
        """
        return self._get(f"/classes/{class_id}/acceptance", **plan)

    def propose_split(self, class_id: str, k: int | None = None) -> Document:
        """Return the split of a class into k, or as many as are clear; it is not made.

        Parameters
        ----------
        class_id
            Id of the class, such as "c3".
        k
            Number of parts, >= 2; None = as many as are clear.

        Returns
        -------
        dict
            The parts, and how clear each of them is.
        """
        return self._post(f"/classes/{class_id}:propose-split", {"k": k})

    def shown(self, ids: Sequence[str], class_id: str | None = None) -> list[Document]:
        """Return samples by id.

        Parameters
        ----------
        ids
            Ids of samples, as the data set has them.
        class_id
            Class whose columns their `values` are of; None = none.

        Returns
        -------
        list of dict
            One per id, in their order.
        """
        return cast(
            list[Document],
            self._post("/samples", {"ids": list(ids), "class_id": class_id})["samples"],
        )

    def picture(self, row: int) -> bytes:
        """Return a sample's image.

        Parameters
        ----------
        row
            Number of the sample, >= 0, in the order of the data set.

        Returns
        -------
        bytes
            A JPEG.
        """
        return self._transport.send("GET", f"{self._base}/samples/{row}/picture").content
