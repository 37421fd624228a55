"""What the page and the API show of a review, and how they change it.

Place: between `falcon_svc.triage`, which knows what corrections mean, and `falcon_svc.api`.
Reading order: `desk` (the door), `overview`, `gallery`, `plane`, `selection`, `solving`.
"""
