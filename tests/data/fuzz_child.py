"""Load the files named on stdin one by one and print what came of each: the fuzz test's child."""

from __future__ import annotations

import sys
from pathlib import Path

from falcon_svc.data import DataConfig, load_dataset
from falcon_svc.errors import InputError


def outcome(path: Path, config: DataConfig) -> str:
    try:
        load_dataset(path, config)
    except InputError as error:
        return "refused" if "\n" not in str(error) else "message of several lines"
    except BaseException as error:
        return f"{type(error).__name__}: {error!r}"
    return "loaded"


if __name__ == "__main__":
    settings = DataConfig.model_validate_json(sys.argv[1])
    for line in sys.stdin:
        print(outcome(Path(line.rstrip("\n")), settings), flush=True)
