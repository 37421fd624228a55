"""What a guard of AnnData's storage offers, whether it lies in HDF5 or in Zarr."""

from __future__ import annotations

from typing import Any, Protocol

from numpy.typing import NDArray


class Access(Protocol):
    """Checked access to groups and arrays; arrays have `shape` and `dtype`, groups `attrs`."""

    @property
    def root(self) -> Any:
        """The outermost group."""
        ...

    def names(self, group: Any) -> tuple[str, ...]:
        """Return the names in a group."""
        ...

    def child(self, group: Any, name: str) -> Any:
        """Return the member `name`; KeyError if there is none."""
        ...

    def group(self, parent: Any, name: str) -> Any:
        """Return the member `name`, which must be a group."""
        ...

    def dataset(self, parent: Any, name: str) -> Any:
        """Return the member `name`, which must be an array."""
        ...

    def read(self, dataset: Any) -> NDArray[Any]:
        """Read numbers, or strings as objects."""
        ...
