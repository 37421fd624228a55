"""How much an array of an AnnData file may claim, whatever it is stored in."""

from __future__ import annotations

from collections.abc import Callable

from falcon_svc.data.config import DataConfig
from falcon_svc.errors import InputError


def check_claim(
    claimed: int, stored: int, config: DataConfig, refusal: Callable[[str, str], InputError]
) -> None:
    """Raise what `refusal` makes of (expected, found) where more bytes are claimed than allowed.

    Parameters
    ----------
    claimed, stored
        Bytes of the array in memory, and of what holds it.
    config
        Limits: `max_bytes`, `max_compression_ratio` beyond `ratio_free_bytes`.
    """
    bomb = claimed > config.ratio_free_bytes and claimed > stored * config.max_compression_ratio
    if bomb or claimed > config.max_bytes:
        raise refusal(
            f"at most {config.max_bytes:,} bytes and a compression of "
            f"{config.max_compression_ratio:g} : 1",
            f"{claimed:,} bytes from {stored:,}",
        )
