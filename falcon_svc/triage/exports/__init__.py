"""A review taken away, in the formats of the tools that go on with it.

`FORMATS` names them; `export` writes one, whole or not at all. Everything that users wrote is
text in every format: escaped where the format has markup, and made harmless where it has formulas.
"""

from falcon_svc.triage.exports.formats import FORMATS, export

__all__ = ["FORMATS", "export"]
