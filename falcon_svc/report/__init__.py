"""The report: one self-contained HTML page about a discovery."""

from falcon_svc.report.page import render_report

__all__ = ["render_report"]
