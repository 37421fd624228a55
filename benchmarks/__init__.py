"""Benchmarks that run in a clone and are no part of the wheel: `python -m benchmarks.NAME`."""
