"""`Result`: what a discovery found, in the hands of a Python user.

Place: the outside of the room. It stands on a result directory, which it reads once; tables,
graph and plots are made of it when they are asked for.
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from falcon_svc.columns import plain_rows
from falcon_svc.durable.atomic_directory import MARKER, replace_directory
from falcon_svc.errors import InputError, MissingExtraError
from falcon_svc.result.files import read_discovery
from falcon_svc.result.given_labels import Labels
from falcon_svc.result.graph import graph_node_link
from falcon_svc.result.notebook import page_of
from falcon_svc.result.plots import Axes, draw_graph, draw_map, draw_sizes
from falcon_svc.result.predictor import Predictions, Predictor
from falcon_svc.result.record import CountEstimate, Discovery, FineClass
from falcon_svc.result.surety import Demand
from falcon_svc.result.table import assignments_table
from falcon_svc.types import FloatArray, IntArray, Note

if TYPE_CHECKING:
    import networkx as nx
    import pandas as pd
    import pyarrow as pa

    from falcon_svc.result.verification import Check

OBS = ("fine", "fine_name", "fine_confidence", "fine_margin")
"""Columns that `Result.add_to` writes."""


class Result:
    """The fine classes of a data set, every sample's class, and the coarse-fine graph.

    Made by `falcon_svc.discover` and `falcon_svc.read_result`.

    Parameters
    ----------
    directory
        A directory that `save`, `discover` or the command line wrote.
    temporary
        A folder to delete with this object; None = nothing goes.

    Attributes
    ----------
    directory : Path
        Where its files lie; docs/result-files.md says what they hold.
    discovery : Discovery
        The whole record.

    Examples
    --------
    >>> import falcon_svc as falcon
    >>> result = falcon.read_result("birds")
    >>> result.n_fine, result.labels.shape, len(result.to_arrow())
    (4, (80,), 80)
    """

    def __init__(self, directory: Path, *, temporary: Path | None = None) -> None:
        self.directory = Path(directory)
        self.discovery: Discovery = read_discovery(self.directory)
        if temporary is not None:  # goes with this object, or with the program
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)

    @property
    def n_fine(self) -> int:
        """F, the number of fine classes."""
        return self.discovery.n_fine

    @property
    def n_fine_interval(self) -> tuple[int, int]:
        """The 90 % interval of that number; the number twice where it was given."""
        return self.discovery.n_fine_interval

    @property
    def ids(self) -> tuple[str, ...]:
        """(N,) the samples' ids."""
        return self.discovery.ids

    @property
    def labels(self) -> IntArray:
        """(N,) int64 fine class of each sample, in [0, F)."""
        return self.discovery.assignments.fine

    @property
    def confidence(self) -> FloatArray:
        """(N,) float32 in [0, 1]: probability of the class among those of the coarse label."""
        return self.discovery.assignments.confidence

    @property
    def classes(self) -> tuple[FineClass, ...]:
        """The F fine classes: size, parents, confidence, medoids, stability."""
        return self.discovery.classes

    @property
    def counts(self) -> tuple[CountEstimate, ...]:
        """Per coarse class the number of fine classes, its interval and the verdict on it."""
        return self.discovery.counts

    @property
    def notes(self) -> tuple[Note, ...]:
        """What to know about the data set before trusting the result."""
        return self.discovery.notes

    @cached_property
    def graph(self) -> nx.DiGraph:
        """The coarse-fine graph: an edge from each coarse class to each of its fine classes."""
        import networkx as nx

        return nx.node_link_graph(graph_node_link(self.discovery), edges="edges")

    @cached_property
    def predictor(self) -> Predictor:
        """The model, for new samples."""
        return Predictor.load(self.directory)

    def predict(
        self,
        vectors: FloatArray,
        coarse: Labels | Mapping[str, Labels] | None = None,
        *,
        columns: Sequence[str] | None = None,
        least_confidence: float = 0.0,
        precision: float | None = None,
    ) -> Predictions:
        """Return the fine classes of new vectors.

        Parameters
        ----------
        vectors
            (N, D) finite numbers, sparse ones too: the features of the discovery. What names its
            columns itself, as a DataFrame does, is for `falcon_svc.predict`.
        coarse
            (N,) names of the first label source, or such names per label source; None where
            unknown.
        columns
            (D,) names of the vectors' columns in any order; None = they are in the discovery's.
        least_confidence, precision
            As in `falcon_svc.predict`: in [0, 1], and in (0, 1) or None.

        Returns
        -------
        Predictions
            (N,) fine class, confidence, margin, runner-up, coarse class, distance, abstained.
        """
        demand = Demand(least_confidence, precision)
        return self.predictor.predict(plain_rows(vectors), coarse, columns=columns, demand=demand)

    def to_arrow(self) -> pa.Table:
        """Return a row per sample: id, coarse labels, fine class, confidence, margin.

        Returns
        -------
        Table
            Columns id, the coarse labels, fine class, confidence and margin; confidences in [0, 1].
        """
        return assignments_table(self.discovery)

    def to_pandas(self) -> pd.DataFrame:
        """Return `to_arrow` as a pandas DataFrame.

        Returns
        -------
        DataFrame
            The same columns as `to_arrow`.

        Raises
        ------
        MissingExtraError
            pandas is not installed.
        """
        try:
            return self.to_arrow().to_pandas()
        except ImportError as error:
            raise MissingExtraError("pandas", extra="pandas", purpose="to_pandas") from error

    def add_to(self, data: Any) -> None:
        """Write fine class, confidence and margin into `obs` of AnnData, or into a DataFrame.

        Rows are matched by their names (`obs_names`, the index) where these are the discovery's
        ids, else by their order.

        Parameters
        ----------
        data
            AnnData or a pandas DataFrame of the same samples. Written: ``fine`` and ``fine_name``
            (texts, categories in AnnData), ``fine_confidence``, ``fine_margin``;
            `uns["falcon"]` of AnnData says where they come from.

        Raises
        ------
        InputError
            Other samples, or another kind of data.
        """
        frame = getattr(data, "obs", data)
        if not hasattr(frame, "index") or not hasattr(frame, "columns"):
            raise InputError(
                f"Expected AnnData or a pandas DataFrame, found {type(data).__name__}; "
                "use to_arrow() or to_pandas() for anything else."
            )
        rows = self._rows_for([str(name) for name in frame.index])
        found = self.discovery.assignments
        fine = found.fine[rows]
        names = np.array(self.discovery.fine_names)[fine]
        columns = (fine.astype(str), names, found.confidence[rows], found.margin[rows])
        for name, values in zip(OBS, columns, strict=True):
            frame[name] = values
        if frame is not data:
            for name in OBS[:2]:
                frame[name] = frame[name].astype("category")
            data.uns["falcon"] = {
                "dataset_digest": self.discovery.dataset_digest,
                "n_fine": self.n_fine,
                "seed": self.discovery.seed,
            }

    def _rows_for(self, names: list[str]) -> IntArray:
        row_of = {sample_id: row for row, sample_id in enumerate(self.ids)}
        if all(name in row_of for name in names):
            return np.array([row_of[name] for name in names], np.int64)
        if len(names) == len(self.ids):
            return np.arange(len(names))
        missing = next(name for name in names if name not in row_of)
        raise InputError(
            f"Expected the {len(self.ids):,} samples of the discovery, found {len(names):,} rows, "
            f"of which {missing!r} is none of them; add the classes to the data that they were "
            "found in, or use predict for new samples."
        )

    def plot_map(self, ax: Axes | None = None) -> Axes:
        """Draw the 2-D map, coloured by coarse class.

        Parameters
        ----------
        ax
            Matplotlib axes to draw on; None = a new figure.

        Returns
        -------
        Axes
            The axes that were drawn on.
        """
        return _drawn(draw_map, self.discovery, ax, (8, 6))

    def plot_graph(self, ax: Axes | None = None) -> Axes:
        """Draw coarse classes and their fine classes.

        Parameters
        ----------
        ax
            Matplotlib axes to draw on; None = a new figure.

        Returns
        -------
        Axes
            The axes that were drawn on.
        """
        height = max(3.0, 0.22 * self.n_fine)
        return _drawn(draw_graph, self.discovery, ax, (7, min(height, 40.0)))

    def plot_sizes(self, ax: Axes | None = None) -> Axes:
        """Draw the classes' sizes, largest first.

        Parameters
        ----------
        ax
            Matplotlib axes to draw on; None = a new figure.

        Returns
        -------
        Axes
            The axes that were drawn on.
        """
        return _drawn(draw_sizes, self.discovery, ax, (5, 3))

    def verify(self) -> tuple[Check, ...]:
        """Check files, proofs and assignments with a second solver; see `Check.ok`.

        Returns
        -------
        tuple of Check
            One per file, proof and rule that was checked; each says whether it holds and why not.
        """
        from falcon_svc.result.verification import verify_result

        return verify_result(self.directory)

    def save(self, directory: str | Path) -> None:
        """Write the result's files to a directory, which appears whole or not at all.

        Parameters
        ----------
        directory
            The directory to write, new or a result's.

        Raises
        ------
        StorageError
            The directory holds something else, or could not be written.
        """
        if Path(directory).resolve() == self.directory.resolve():
            return
        names = sorted(path.name for path in self.directory.iterdir() if path.name != MARKER)
        files = {name: (self.directory / name).read_bytes() for name in (*names, MARKER)}
        replace_directory(Path(directory), files)

    def __repr__(self) -> str:
        low, high = self.n_fine_interval
        doubt = f" (90 % interval {low}-{high})" if low < high else ""
        return (
            f"<Result: {self.n_fine} fine classes{doubt} in {len(self.counts)} coarse classes, "
            f"{len(self.ids):,} samples>"
        )

    def _repr_html_(self) -> str:
        return page_of(self.discovery)


def read_result(directory: str | Path) -> Result:
    """Read a result that `falcon discover`, `discover` or the service wrote.

    Parameters
    ----------
    directory
        The result's directory.

    Returns
    -------
    Result
        The same as `discover` returned.

    Raises
    ------
    InputError
        `directory` holds no result, or one of a version that this program does not read.
    StorageError
        A file is missing or not as it was written.

    Examples
    --------
    >>> import falcon_svc as falcon
    >>> falcon.read_result("birds").n_fine
    4
    """
    return Result(Path(directory))


def _drawn(draw: Any, discovery: Discovery, ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is None:
        from matplotlib import pyplot

        _, ax = pyplot.subplots(figsize=size)
    draw(ax, discovery)
    return ax
