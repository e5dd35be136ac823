"""A tenant's vocabularies, and what a job takes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from services.gateway.cursors import Cursor
from services.gateway.entity_tags import check_match
from services.gateway.problems import FieldError, Problem, invalid
from services.gateway.store.vocabularies import NameTaken, VocabularyRow, VocabularyStore
from services.gateway.texts import clean_line
from services.gateway.vocabularies.contents import Contents, VocabularyWish, checked
from shared.schemas.ids import new_id
from shared.schemas.solutions import Solution
from shared.schemas.vocabularies import Vocabulary

_CHANGED = "The vocabulary was changed meanwhile; fetch it again and repeat your change."


@dataclass(frozen=True, kw_only=True)
class Vocabularies:
    """What a tenant does with its sets."""

    store: VocabularyStore
    most: int

    async def create(self, tenant_id: UUID, wish: VocabularyWish) -> VocabularyRow:
        """Make a set. Raises `Problem`."""
        now, contents = dt.datetime.now(dt.UTC), checked(wish)
        row = VocabularyRow(
            id=new_id(),
            tenant_id=tenant_id,
            name=_name(wish.name),
            is_default=wish.default,
            terms=contents.terms,
            replacements=contents.replacements,
            created_at=now,
            updated_at=now,
        )
        try:
            if not await self.store.add(row, most=self.most):
                detail = f"The tenant has {self.most} vocabularies, which is the most; delete one first."
                raise Problem(409, "too_many_vocabularies", detail)
        except NameTaken:
            raise _taken(row.name) from None
        return row

    async def replace(
        self, tenant_id: UUID, vocabulary_id: UUID, wish: VocabularyWish, *, if_match: str | None
    ) -> VocabularyRow:
        """Write a set anew. Raises `Problem`."""
        before = await self._current(tenant_id, vocabulary_id, if_match)
        contents = checked(wish)
        return await self._write(before, contents, name=_name(wish.name), default=wish.default)

    async def fill(self, tenant_id: UUID, vocabulary_id: UUID, contents: Contents, *, if_match: str | None) -> VocabularyRow:
        """Write what is in a set anew, and leave what it is called. Raises `Problem`."""
        before = await self._current(tenant_id, vocabulary_id, if_match)
        return await self._write(before, contents, name=before.name, default=before.is_default)

    async def delete(self, tenant_id: UUID, vocabulary_id: UUID, *, if_match: str | None) -> None:
        """Delete a set; jobs that named it keep what they took. Raises `Problem`."""
        row = await self.find(tenant_id, vocabulary_id)
        _check(if_match, row)
        if not await self.store.remove(row):
            raise _changed()

    async def find(self, tenant_id: UUID, vocabulary_id: UUID) -> VocabularyRow:
        """One set. Raises `Problem` 404."""
        row = await self.store.find(tenant_id, vocabulary_id)
        if row is None:
            raise Problem(404, "vocabulary_not_found", "There is no vocabulary with this id.")
        return row

    async def page(self, tenant_id: UUID, *, after: Cursor | None, limit: int) -> list[VocabularyRow]:
        """The newest, those after the cursor."""
        return await self.store.page(tenant_id, after=after, limit=limit)

    async def for_job(self, tenant_id: UUID, named: Sequence[str] | None, solution: Solution | None) -> tuple[Vocabulary, ...]:
        """The sets of a job as they are now: those it names; where it names none, the solution's of which the tenant has one,
        and the tenant's default. Raises `Problem` 422 for a name that there is not."""
        if named is not None:
            rows = await self._named(tenant_id, named)
        else:
            wished = solution.transcription.vocabularies if solution is not None else ()
            rows = await self.store.named(tenant_id, wished) if wished else []
            rows.sort(key=lambda row: _place(row, wished))
            default = await self.store.default(tenant_id)
            rows += [] if default is None or default in rows else [default]
        return tuple(row.as_used for row in rows)

    async def _named(self, tenant_id: UUID, named: Sequence[str]) -> list[VocabularyRow]:
        rows = await self.store.named(tenant_id, named) if named else []
        found = [next((row for row in rows if _is(row, name)), None) for name in named]
        if None in found:
            place = found.index(None)
            detail = f"There is no vocabulary {named[place]!r}; GET /v1/vocabularies lists those there are."
            raise invalid(f"/vocabularies/{place}", "unknown_vocabulary", detail)
        return list(dict.fromkeys(row for row in found if row is not None))

    async def _current(self, tenant_id: UUID, vocabulary_id: UUID, if_match: str | None) -> VocabularyRow:
        """The set as it is, where the requester knows it so."""
        row = await self.find(tenant_id, vocabulary_id)
        if if_match is None:
            detail = "Send If-Match with the ETag of the vocabulary that you change, so that nobody's changes are lost."
            raise Problem(428, "precondition_required", detail)
        _check(if_match, row)
        return row

    async def _write(self, before: VocabularyRow, contents: Contents, *, name: str, default: bool) -> VocabularyRow:
        after = msgspec.structs.replace(
            before,
            name=name,
            version=before.version + 1,
            is_default=default,
            terms=contents.terms,
            replacements=contents.replacements,
            updated_at=dt.datetime.now(dt.UTC),
        )
        try:
            if not await self.store.change(before, after):
                raise _changed()
        except NameTaken:
            raise _taken(name) from None
        return after


def _is(row: VocabularyRow, name: str) -> bool:
    return name.lower() in (str(row.id), row.name.lower())


def _place(row: VocabularyRow, names: Sequence[str]) -> int:
    return next((place for place, name in enumerate(names) if _is(row, name)), len(names))


def _name(text: str) -> str:
    """A name that cannot be taken for an id."""
    name = clean_line(text)
    if name is None:
        raise invalid("/name", "invalid_request", "The name must have at least one visible character.")
    try:
        UUID(name)
    except ValueError:
        return name
    raise invalid("/name", "invalid_request", "The name must not look like an id.")


def _taken(name: str) -> Problem:
    detail = f"The tenant has a vocabulary {name!r} already; choose another name, or change that one."
    return Problem(409, "vocabulary_name_taken", detail, errors=[FieldError(pointer="/name", message=detail)])


def _check(if_match: str | None, row: VocabularyRow) -> None:
    check_match(if_match, row.version, code="vocabulary_changed", detail=_CHANGED)


def _changed() -> Problem:
    return Problem(412, "vocabulary_changed", _CHANGED)
