"""`/docs`: the API reference (Swagger UI), served from files in this package, also offline."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from licet.errors import NotFound

router = APIRouter(prefix="/docs", include_in_schema=False)

_FILES = Path(__file__).parent / "static" / "docs"
_SERVED = frozenset({"page.css", "start.js", "swagger-ui-bundle.js", "swagger-ui.css"})
_HEADERS = {
    # The page loads nothing from other hosts and sends nothing to them. Swagger UI needs inline styles.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("")
async def page() -> FileResponse:
    """Serves the page, which reads `/openapi.json`."""
    return FileResponse(_FILES / "index.html", headers={**_HEADERS, "Cache-Control": "no-cache"})


@router.get("/{name}")
async def file(name: str) -> FileResponse:
    """Serves a file of the page. Browsers cache it for an hour, so that an update arrives."""
    if name not in _SERVED:
        raise NotFound("There is nothing at this address. The API reference is at /docs.")
    return FileResponse(_FILES / name, headers={**_HEADERS, "Cache-Control": "public, max-age=3600"})
