"""Results of a discovery, read and saved. A part of `Falcon`."""

from __future__ import annotations

from pathlib import Path

from falcon_svc.client import documents as doc
from falcon_svc.client.asking import Asking
from falcon_svc.client.transport import save


class Reading(Asking):
    """The methods on results."""

    def classes(self, job_id: str) -> list[doc.FineClass]:
        """Return the fine classes of a discovery.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        list of FineClass
            Name, coarse class, size, confidence and typical samples of each.
        """
        return self._get(list[doc.FineClass], f"/v1/jobs/{job_id}/classes")

    def samples(
        self, job_id: str, class_id: int, kind: doc.Kind = "medoid", *, limit: int = 50
    ) -> list[doc.Sample]:
        """Return samples of a class: typical, near its border, or strange.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        class_id
            Number of the fine class, >= 0.
        kind
            ``"medoid"``, ``"border"`` or ``"suspect"``.
        limit
            Most samples, >= 1.

        Returns
        -------
        list of Sample
            The most telling first.
        """
        path = f"/v1/jobs/{job_id}/classes/{class_id}/samples"
        return self._get(list[doc.Sample], path, params={"kind": kind, "limit": limit})

    def assignments(self, job_id: str) -> list[doc.Sample]:
        """Return every sample's fine class.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        list of Sample
            In the order of the data set.
        """
        return self._get(list[doc.Sample], f"/v1/jobs/{job_id}/assignments")

    def graph(self, job_id: str, format: doc.GraphFormat = "json") -> bytes:
        """Return the coarse-fine graph.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        format
            ``"json"``, ``"graphml"`` or ``"cytoscape"``.

        Returns
        -------
        bytes
            The file.
        """
        path = f"/v1/jobs/{job_id}/graph"
        return self._transport.send("GET", path, params={"format": format}).content

    def counts(self, job_id: str) -> list[doc.Count]:
        """Return how many fine classes each coarse class holds, and how that came about.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        list of Count
            One per coarse class, with its interval where it was estimated.
        """
        return self._get(list[doc.Count], f"/v1/jobs/{job_id}/counts")

    def verification(self, job_id: str) -> doc.Verification:
        """Return whether a result is what it says: files, proofs, assignments.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        Verification
            Every check, and whether all of them hold.
        """
        return self._get(doc.Verification, f"/v1/jobs/{job_id}/verification")

    def relation(self, job_id: str) -> list[doc.Relation]:
        """Return each label source's relation with its certificate.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".

        Returns
        -------
        list of Relation
            One per label source.
        """
        return self._get(list[doc.Relation], f"/v1/jobs/{job_id}/relation")

    def download(self, job_id: str, name: str, to: str | Path) -> Path:
        """Save a file of a result.

        Parameters
        ----------
        job_id
            Id of the job, such as "job_01...".
        name
            ``"report"`` (HTML), ``"model"`` (zip) or ``"assignments"`` (Parquet).
        to
            The file to write.

        Returns
        -------
        Path
            The file that was written.
        """
        accept = "application/vnd.apache.parquet, */*;q=0.5"
        return save(self._transport.http, f"/v1/jobs/{job_id}/{name}", accept, Path(to))
