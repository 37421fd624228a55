"""falcon-svc: discover the fine classes inside coarsely labelled data."""

__version__ = "0.1.0"
