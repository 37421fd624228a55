"""Triage: look at a result, correct it, solve it again with the corrections, take it away.

Reading order: `corrections` (what a reviewer may say), `state` (what it means), `revisions` (how
it is kept), `session` (the three together), `resolve`, `evidence`, `questions`, `exports`.
"""
