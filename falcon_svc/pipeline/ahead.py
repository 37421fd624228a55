"""Loading what later stages need while the first ones compute.

Place: around the stages of `falcon_svc.pipeline.discover`. Torch, the solver and what draws the
report take seconds of one core to load, and the structure needs none of them but for one view:
its products of matrices leave Python alone meanwhile. A stage that comes too early waits for its
library, as it would have to anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from threading import Thread

from falcon_svc.threads import n_workers

NEEDED_LATER = (
    "falcon_svc.discovery.partition.contrast",
    "falcon_svc.pipeline.constraint_stage",
    "falcon_svc.discovery.training.trainer",
    "falcon_svc.pipeline.outcome",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "networkx",
    "pyarrow.parquet",
)
"""In the order in which they are needed."""


@contextmanager
def loaded_ahead(modules: Sequence[str] = NEEDED_LATER) -> Iterator[None]:
    """Load modules in a thread of its own, which ends with what happens inside.

    With one thread for all work there is none to spare, and each is loaded where it is needed.
    """
    if n_workers() == 1:
        yield
        return
    thread = Thread(target=_load, args=(modules,), name="loads ahead")
    thread.start()
    try:
        yield
    finally:
        thread.join()


def _load(modules: Sequence[str]) -> None:
    """Load what can be loaded; who needs the others says what is wrong with them."""
    for name in modules:
        with suppress(Exception):
            import_module(name)
