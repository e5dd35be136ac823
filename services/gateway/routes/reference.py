"""`/docs`: the API's description as a page, for everybody who can reach the gateway. Trying a route needs a key, as always."""

from __future__ import annotations

import html
from typing import Annotated

from litestar import Response, get
from litestar.params import FromPath, HeaderParameter

from services.gateway.admission import PUBLIC
from services.gateway.problems import Problem
from services.gateway.reference import Asset, asset, page
from services.gateway.routes.context import Api

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
AcceptEncoding = Annotated[str | None, HeaderParameter(name="Accept-Encoding")]


@get("/", opt={PUBLIC: True}, media_type="text/html")
async def show_reference(gateway: Api) -> Response[str]:
    """The page."""
    headers = {"Content-Security-Policy": _POLICY, "Cache-Control": "public, max-age=300"}
    return Response(page(html.escape(gateway.views.prefix)), headers=headers, media_type="text/html")


@get("/{name:str}", opt={PUBLIC: True})
async def get_reference_file(name: FromPath[str], accept_encoding: AcceptEncoding = None) -> Response[bytes]:
    """What the page is made of."""
    found = asset(name)
    if found is None:
        raise Problem(404, "not_found", "The documentation has no such file.")
    return serve(found, accept_encoding, seconds=3600)


def serve(found: Asset, accept_encoding: str | None, *, seconds: int) -> Response[bytes]:
    """The file, compressed where the client takes that; it may keep it for so many seconds."""
    headers = {"ETag": found.etag, "Cache-Control": f"public, max-age={seconds}", "Vary": "Accept-Encoding"}
    if "gzip" in (accept_encoding or ""):
        return Response(found.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=found.media_type)
    return Response(found.data, headers=headers, media_type=found.media_type)
