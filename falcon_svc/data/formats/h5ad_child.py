"""The child of `guards.hdf5_probe`: reads an AnnData file whole, and may die of it.

python -m falcon_svc.data.formats.h5ad_child FILE SETTINGS.json
"""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

from falcon_svc.data.config import DataConfig
from falcon_svc.data.formats.h5ad import H5adSource
from falcon_svc.errors import InputError


def main(file: str, settings: str) -> None:
    """Read all that loading can ask for; what is refused here is refused again there."""
    with suppress(InputError):
        H5adSource(Path(file), DataConfig.model_validate_json(settings)).read_everything()


if __name__ == "__main__":
    main(*sys.argv[1:3])
