"""What the process that stands by loads in tests: nothing."""

from __future__ import annotations

import os

from falcon_svc.worker.limits import die_with

SERVER = os.getpid()
die_with(os.getppid())
