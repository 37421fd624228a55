"""Reports: one self-contained HTML page about a discovery, a classifier, figures, or advice."""

from falcon_svc.report.advice_page import render_advice_report
from falcon_svc.report.classifier_page import render_classifier_report, render_metrics_report
from falcon_svc.report.page import render_report

__all__ = [
    "render_advice_report",
    "render_classifier_report",
    "render_metrics_report",
    "render_report",
]
