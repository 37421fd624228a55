"""Training on labels that somebody gives: what a classifier or advice makes of a data set.

Place: above `hierarchy`, `data` and `result`; commands and workers do the same work through it.
"""
