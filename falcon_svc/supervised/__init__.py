"""Labels that somebody gives: what a classifier, advice or metrics make of a data set by them.

Place: above `hierarchy`, `data` and `result`; commands and workers do the same work through it.
"""
