"""The page for people: /docs, from files of this package alone, and / which leads there.

It holds nothing of anybody's, so it needs no key; what it asks the API for does.
"""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter, Response
from fastapi.responses import FileResponse, RedirectResponse

from falcon_svc.service.refusals import not_found

FOLDER = Path(__file__).parents[1] / "pages"
FILES = {
    "docs.js": "text/javascript",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
router = APIRouter(include_in_schema=False)


@router.get("/")
def root() -> Response:
    """Lead to the page."""
    return RedirectResponse("docs")


@router.get("/docs")
def docs() -> Response:
    """Return the page."""
    headers = {"Content-Security-Policy": POLICY}
    return FileResponse(FOLDER / "docs.html", media_type="text/html", headers=headers)


@router.get("/docs/{name}")
def file(name: str) -> Response:
    """Return a file of the page."""
    if name not in FILES:
        raise not_found("file of the page", name)
    headers = {"Cache-Control": "public, max-age=3600"}
    return FileResponse(FOLDER / name, media_type=FILES[name], headers=headers)
