"""Lets the processes of a service under test fail at a named call; the product knows nothing of it.

Python imports a module of this name at its start, where it is on PYTHONPATH. FALCON_FAULTS holds
the faults as JSON (`tests.faults.faults` writes it), FALCON_CLOCK the path of a file with the
seconds by which the clock of day is off. A fault wraps a function of a module as soon as that is
imported.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import signal
import sys
import time
from importlib.machinery import PathFinder
from pathlib import Path


def _disk_error(number):
    raise OSError(number, os.strerror(number))


def _torch_error(name, words):
    import torch

    raise getattr(torch, name)(words)


def _no_memory():
    raise MemoryError


def _freeze():
    os.kill(os.getpid(), signal.SIGSTOP)


ACTIONS = {
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "freeze": lambda _: _freeze(),
    "disk_full": lambda _: _disk_error(errno.ENOSPC),
    "disk_error": lambda _: _disk_error(errno.EIO),
    "no_memory": lambda _: _no_memory(),
    "cuda_no_memory": lambda _: _torch_error("OutOfMemoryError", "CUDA out of memory."),
    "cuda_lost": lambda _: _torch_error("AcceleratorError", "CUDA error: unspecified failure"),
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "ignore_sigterm": lambda _: signal.signal(signal.SIGTERM, signal.SIG_IGN),
}


def _is_due(fault, calls):
    """Whether this call is the one; each fault strikes in so many processes and no more."""
    if calls != fault["call"] or fault["process"] not in " ".join(sys.orig_argv):
        return False
    for number in range(fault["times"]):
        try:
            os.close(os.open(f"{fault['mark']}.{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            continue
        return True
    return False


def wrapped(function, fault):
    """Return a function that does what the fault says, beside what it did."""
    calls = 0

    @functools.wraps(function)
    def call(*given, **named):
        nonlocal calls
        calls += 1
        number = calls
        if fault["when"] == "before" and _is_due(fault, number):
            ACTIONS[fault["do"]](fault["by"])
        made = function(*given, **named)
        if fault["when"] == "after" and _is_due(fault, number):
            ACTIONS[fault["do"]](fault["by"])
        return made * float("nan") if fault["when"] == "nan" and _is_due(fault, number) else made

    return call


def _install(module, faults):
    for fault in faults:
        *holders, name = fault["name"].split(".")
        holder = functools.reduce(getattr, holders, module)
        setattr(holder, name, wrapped(getattr(holder, name), fault))


class Finder:
    """Finds the modules that faults are in, and wraps their functions once they are loaded."""

    def __init__(self, faults):
        self.faults = faults

    def find_spec(self, name, path, target=None):
        mine = [fault for fault in self.faults if fault["module"] == name]
        spec = PathFinder.find_spec(name, path, target) if mine else None
        if spec is not None:
            load = spec.loader.exec_module

            def load_and_install(module):
                load(module)
                _install(module, mine)

            spec.loader.exec_module = load_and_install
        return spec


def _shift_clock(path):
    real, real_ns = time.time, time.time_ns

    def off():
        try:
            return float(path.read_text() or 0)
        except OSError:
            return 0.0

    time.time = lambda: real() + off()
    time.time_ns = lambda: real_ns() + int(off() * 1e9)


if "FALCON_FAULTS" in os.environ:
    sys.meta_path.insert(0, Finder(json.loads(os.environ["FALCON_FAULTS"])))
if "FALCON_CLOCK" in os.environ:
    _shift_clock(Path(os.environ["FALCON_CLOCK"]))
