"""Is labelling finer worth it? A paired test, stand-ins, explanations and a verdict."""

from falcon_svc.hierarchy.advice.advisor import Advice, advise
from falcon_svc.hierarchy.advice.explanations import Explanations
from falcon_svc.hierarchy.advice.intervals import Difference
from falcon_svc.hierarchy.advice.paired_test import Comparison
from falcon_svc.hierarchy.advice.verdict import Verdict

__all__ = ["Advice", "Comparison", "Difference", "Explanations", "Verdict", "advise"]
