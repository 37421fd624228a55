"""The page of reviews: HTML, CSS and ES modules of this package, nothing from elsewhere.

It holds nothing of anybody's, so it needs no key; what it asks the API for does.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse

from falcon_svc.service.refusals import not_found

FOLDER = Path(__file__).parents[1] / "pages" / "review"
TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
FILES = {path.name: TYPES[path.suffix] for path in FOLDER.iterdir() if path.suffix in TYPES}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
router = APIRouter(include_in_schema=False)
local_router = APIRouter(include_in_schema=False)


@router.get("/review")
@local_router.get("/")
def page() -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": POLICY}
    return FileResponse(FOLDER / "index.html", media_type="text/html", headers=headers)


@router.get("/review/{name}")
@local_router.get("/review/{name}")
def file(name: str) -> Response:
    """Return a file of the page."""
    if name not in FILES:
        raise not_found("file of the page", name)
    headers = {"Cache-Control": "no-cache"}
    return FileResponse(FOLDER / name, media_type=FILES[name], headers=headers)
