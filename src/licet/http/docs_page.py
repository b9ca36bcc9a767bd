"""`/docs`: the API to read and try out, from files that come along, so that it works offline too."""

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from licet.errors import NotFound

router = APIRouter(prefix="/docs", include_in_schema=False)

_FILES = Path(__file__).parent / "static" / "docs"
_SERVED = frozenset({"page.css", "start.js", "swagger-ui-bundle.js", "swagger-ui.css"})
_HEADERS = {
    # Nothing is loaded from, and nothing sent to, any other host. Swagger UI sets styles of single elements.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@router.get("")
async def page() -> FileResponse:
    """The page, which reads `/openapi.json`."""
    return FileResponse(_FILES / "index.html", headers={**_HEADERS, "Cache-Control": "no-cache"})


@router.get("/{name}")
async def file(name: str) -> FileResponse:
    """What the page is made of. It is asked for again after an hour, so that an update is seen."""
    if name not in _SERVED:
        raise NotFound("There is nothing at this address. /docs is the page.")
    return FileResponse(_FILES / name, headers={**_HEADERS, "Cache-Control": "public, max-age=3600"})
