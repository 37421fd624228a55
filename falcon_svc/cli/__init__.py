"""The command `falcon`: a thin edge that reads flags, calls the pipeline and prints.

Heavy imports (torch, pyarrow, matplotlib) happen inside the commands, so that `falcon --help`
answers at once. Results go to stdout, everything else to stderr.
"""

from __future__ import annotations

import time

BEGAN = time.monotonic()
"""When the program was loaded, in monotonic seconds."""
