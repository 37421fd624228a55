"""Benchmarks: quality beside baselines, speed, growth with the number of samples, the solver."""
