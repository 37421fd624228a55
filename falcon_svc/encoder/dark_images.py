"""What to know of images that are nearly black: most of what they show was lost in reading.

Place: told with the encoder's own notes. 16-bit images keep their upper eight bits (`data.decode`),
of which those that use 12 bits fill four.
"""

from __future__ import annotations

import numpy as np

from falcon_svc.types import CoarseDataset, Note

LOOKED_AT = 16
DARK = 64  # of 255; photographs at night reach 200


def dark_images(dataset: CoarseDataset) -> tuple[Note, ...]:
    """Return a note where none of some images, evenly spread, has a pixel that is not dark."""
    if dataset.images is None:
        return ()
    rows = np.unique(np.linspace(0, len(dataset) - 1, LOOKED_AT).astype(np.int64)).tolist()
    brightest = max(int(dataset.images.read(row, row + 1, side=None).max()) for row in rows)
    if brightest >= DARK:
        return ()
    text = (
        f"The images are nearly black: no pixel of {len(rows)} that were looked at exceeds "
        f"{brightest} of 255. 16-bit images keep their upper eight bits, so those that use 14 "
        "or fewer lose what they show; stretch all by one factor to the full range, and save again."
    )
    return (Note("dark_images", text),)
