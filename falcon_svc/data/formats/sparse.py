"""The matrix of an AnnData file, dense or compressed sparse, as a checked scipy CSR matrix.

scipy trusts `indptr` and `indices` and reads outside its memory when they are wrong, so they are
checked first. Specification: anndata "On-disk format", csr_matrix and csc_matrix.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.anndata_access import Access
from falcon_svc.data.refusal import refusal
from falcon_svc.errors import InputError

MAX_AXIS = 50_000_000  # cells or genes; arrays of this length are made per axis
BLOCK_BYTES = 64 * 2**20


def read_matrix(guard: Access, parent: Any, name: str, *, where: str) -> Any:
    """Return (N, genes) float32 CSR.

    Raises
    ------
    InputError
        A shape, index or value that cannot be.
    """
    found = guard.child(parent, name)
    if hasattr(found, "shape"):
        return _from_dense(found, where)
    rows, columns = _shape(found)
    by_row = _is_by_row(found)
    data, indices, indptr = (
        guard.read(guard.dataset(found, part)) for part in ("data", "indices", "indptr")
    )
    major, minor = (rows, columns) if by_row else (columns, rows)
    problem = _problem(data, indices, indptr, major, minor)
    if problem:
        raise refusal(
            "a sound sparse matrix",
            problem,
            where=f"{name} of {where}",
            remedy="write the file again with anndata",
            code="bad_sparse",
        )
    kind = sparse.csr_matrix if by_row else sparse.csc_matrix
    parts = (data.astype(np.float32), indices.astype(np.int64), indptr.astype(np.int64))
    matrix = kind(parts, shape=(rows, columns))
    return matrix.tocsr()


def read_sparse(
    read: Callable[[str], NDArray[Any]], *, where: str, config: DataConfig
) -> NDArray[np.float32]:
    """Return the dense (N, D) float32 of the arrays that scipy.sparse.save_npz writes.

    Raises
    ------
    InputError
        Another form than CSR, CSC or COO, an index that cannot be, or too large when dense.
    """
    kind = _form(read)
    shape = tuple(int(n) for n in np.asarray(read("shape")).ravel().tolist())
    if len(shape) != 2 or not 0 <= min(shape) <= max(shape) <= MAX_AXIS:
        raise _unsound(f"the shape {shape}", where)
    size = 4 * shape[0] * shape[1]
    if shape[1] > config.max_dimensions or size > config.max_bytes:
        raise refusal(
            f"at most {config.max_dimensions:,} columns and {config.max_bytes:,} bytes when dense",
            f"{shape[1]:,} columns and {size:,} bytes",
            where=where,
            remedy="reduce the vectors, for example by truncated SVD, or raise the limits",
            code="too_large",
        )
    if kind == "coo":
        return _from_coo(read, shape, where)
    if kind not in ("csr", "csc"):
        raise _unsound(f"the form {kind[:20]!r}, not csr, csc or coo", where)
    data, indices, indptr = (read(part) for part in ("data", "indices", "indptr"))
    major, minor = shape if kind == "csr" else shape[::-1]
    problem = _problem(data, indices, indptr, major, minor)
    if problem:
        raise _unsound(problem, where)
    build = sparse.csr_matrix if kind == "csr" else sparse.csc_matrix
    parts = (data.astype(np.float32), indices.astype(np.int64), indptr.astype(np.int64))
    return np.asarray(build(parts, shape=shape).toarray(), dtype=np.float32)


def _form(read: Callable[[str], NDArray[Any]]) -> str:
    told = np.asarray(read("format")).ravel().tolist()
    value = told[0] if told else ""
    return value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)


def _from_coo(
    read: Callable[[str], NDArray[Any]], shape: tuple[int, int], where: str
) -> NDArray[np.float32]:
    data, rows, columns = (read(part) for part in ("data", "row", "col"))
    fits = data.ndim == rows.ndim == columns.ndim == 1 and len(data) == len(rows) == len(columns)
    whole = {rows.dtype.kind, columns.dtype.kind} <= {"i", "u"} and data.dtype.kind in "iufb"
    inside = (
        fits
        and whole
        and all(
            not len(axis) or 0 <= int(axis.min()) <= int(axis.max()) < n
            for axis, n in ((rows, shape[0]), (columns, shape[1]))
        )
    )
    if not inside:
        raise _unsound("indices that do not fit its shape", where)
    out = np.zeros(shape, np.float32)
    np.add.at(out, (rows.astype(np.int64), columns.astype(np.int64)), data.astype(np.float32))
    return out


def _unsound(found: str, where: str) -> InputError:
    return refusal(
        "a sound sparse matrix of scipy",
        found,
        where=where,
        remedy="write it again with scipy.sparse.save_npz",
        code="bad_sparse",
    )


def _shape(group: Any) -> tuple[int, int]:
    shape = np.asarray(group.attrs.get("shape", group.attrs.get("h5sparse_shape")))
    if shape.shape != (2,) or shape.dtype.kind not in "iu":
        raise ValueError("a sparse matrix without shape")
    if not 0 <= int(shape.min()) <= int(shape.max()) <= MAX_AXIS:
        raise ValueError(f"a sparse matrix of shape {tuple(shape.tolist())}")
    return int(shape[0]), int(shape[1])


def _is_by_row(group: Any) -> bool:
    kind = group.attrs.get("encoding-type", group.attrs.get("h5sparse_format", ""))
    name = kind.decode() if isinstance(kind, bytes) else str(kind)
    if name not in ("csr_matrix", "csr", "csc_matrix", "csc"):
        raise ValueError(f"a matrix of encoding {name[:40]!r}, not csr_matrix or csc_matrix")
    return name.startswith("csr")


def _problem(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], major: int, minor: int
) -> str | None:
    if any(part.ndim != 1 for part in (data, indices, indptr)):
        return "parts that are not lists"
    if data.dtype.kind not in "iufb" or not {indices.dtype.kind, indptr.dtype.kind} <= {"i", "u"}:
        return "parts of another type than numbers"
    if len(indptr) != major + 1 or int(indptr[0]) != 0 or (indptr[1:] < indptr[:-1]).any():
        return f"an indptr that does not rise from 0 over {major:,} rows"
    if not int(indptr[-1]) == len(indices) == len(data):
        return f"{len(data):,} values, {len(indices):,} indices and indptr up to {indptr[-1]:,}"
    if len(indices) and not 0 <= int(indices.min()) <= int(indices.max()) < minor:
        return f"indices outside 0 to {minor - 1:,}"
    return None


def _from_dense(dataset: Any, where: str) -> Any:
    if dataset.ndim != 2 or dataset.dtype.kind not in "iuf":
        raise refusal(
            "a matrix of numbers (cells, genes)",
            f"{dataset.dtype} of shape {dataset.shape}",
            where=f"X of {where}",
            remedy="write the file again with anndata",
            code="bad_shape",
        )
    step = max(1, BLOCK_BYTES // max(4 * dataset.shape[1], 1))
    blocks = [
        sparse.csr_matrix(np.asarray(dataset[start : start + step], dtype=np.float32))
        for start in range(0, dataset.shape[0], step)
    ]
    return sparse.vstack(blocks, format="csr") if blocks else sparse.csr_matrix(dataset.shape)
