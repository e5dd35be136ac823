"""Lists, page by page: read one row more than is shown, and say where the next page begins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response

from services.gateway.cursors import Cursor, PassageCursor
from services.gateway.problems import FieldError, Problem
from services.gateway.views import Page

V = TypeVar("V")
C = TypeVar("C", bound=Cursor)


class Row(Protocol):
    """What lists are ordered by."""

    @property
    def id(self) -> UUID:
        """Breaks ties."""

    @property
    def created_at(self) -> dt.datetime:
        """The newest comes first."""


R = TypeVar("R", bound=Row)


def cursor_of(text: str | None) -> Cursor | None:
    """Where a list goes on. Raises `Problem` 400."""
    return _decoded(text, Cursor)


def passage_cursor_of(text: str | None) -> PassageCursor | None:
    """Where a search goes on. Raises `Problem` 400."""
    return _decoded(text, PassageCursor)


def _decoded(text: str | None, kind: type[C]) -> C | None:
    try:
        return None if text is None else kind.decode(text)
    except ValueError:
        detail = "The cursor in `after` is none of ours; use next_cursor of the page before."
        raise Problem(400, "invalid_cursor", detail, errors=[FieldError(pointer="after", message=detail)]) from None


def cut(rows: Sequence[R], limit: int) -> tuple[Sequence[R], str | None]:
    """Of up to `limit` + 1 rows those that are shown, and the cursor of the next page where there is one."""
    if len(rows) <= limit:
        return rows, None
    last = rows[limit - 1]
    return rows[:limit], Cursor(created_at=last.created_at, id=last.id).encode()


def page(url: str, data: Sequence[V], following: str | None, *, limit: int, **filters: object) -> Response[Page[V]]:
    """The answer, with a link to the next page that filters as this one does; filters that are null are left out, those with
    several values repeated."""
    body = Page(data=tuple(data), has_more=following is not None, next_cursor=following)
    if following is None:
        return Response(body)
    given = {name: _query_text(value) for name, value in filters.items() if value is not None}
    query = urlencode({"limit": limit, "after": following} | given, doseq=True)
    return Response(body, headers={"Link": f'<{url}?{query}>; rel="next"'})


def _query_text(value: object) -> str | list[str]:
    match value:
        case list():
            return list(map(str, value))
        case dt.datetime():
            return value.isoformat()
        case _:
            return str(value)
