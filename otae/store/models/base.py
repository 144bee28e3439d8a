"""Base classes of tables: rows with a UUID, and rows that are found by a search text."""

from collections.abc import Collection, Generator, Iterable, Mapping
from typing import Any, ClassVar, Self
from uuid import UUID, uuid4

from tortoise import fields
from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.connection import get_connection
from tortoise.manager import Manager
from tortoise.models import Model
from tortoise.queryset import BulkCreateQuery, BulkUpdateQuery, QuerySet, UpdateQuery

from otae.store.database import transaction
from otae.text import folded

#: Name of the column that is searched.
SEARCH_TEXT = "search_text"


class Row(Model):
    """A row whose id is made before it is written, so that sealed values can be bound to it."""

    id: UUID = fields.UUIDField(primary_key=True, default=uuid4)

    class Meta:
        abstract = True


class Searched(Row):
    """A row that lists find by text, whatever its case and diacritics.

    `searched`: the columns that are searched. `search_text`: their values, folded, one per line; null in a row that an
    older release wrote, until `search_index.fill_search_text` has run. Whatever writes one of these columns must write
    `search_text` too.
    """

    searched: ClassVar[Collection[str]] = ()
    search_text = fields.TextField(null=True)

    class Meta:
        abstract = True

    @classmethod
    def touches(cls, columns: Iterable[str]) -> bool:
        """Return whether writing ``columns`` changes the search text."""
        return not set(cls.searched).isdisjoint(columns)

    def with_search_text(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``changes`` of this row with the new search text added, to be written in one statement."""
        if not self.touches(changes):
            return dict(changes)
        values = (changes[name] if name in changes else getattr(self, name) for name in self.searched)
        return {**changes, SEARCH_TEXT: _text(values)}

    def fold(self) -> Self:
        """Recompute `search_text` from the row's columns; return the row."""
        self.search_text = _text(getattr(self, name) for name in self.searched)
        return self

    async def save(
        self,
        using_db: BaseDBAsyncClient | None = None,
        update_fields: Iterable[str] | None = None,
        force_create: bool = False,  # noqa: FBT001, FBT002 - as the ORM has it
        force_update: bool = False,  # noqa: FBT001, FBT002 - as the ORM has it
    ) -> None:
        """Write the row with its search text."""
        columns = None if update_fields is None else {*update_fields}
        if columns is None or self.touches(columns):
            self.fold()
            columns = None if columns is None else columns | {SEARCH_TEXT}
        await super().save(using_db, columns, force_create, force_update)

    @classmethod
    def bulk_create(
        cls,
        objects: Iterable[Self],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,  # noqa: FBT001, FBT002 - as above
        update_fields: Iterable[str] | None = None,
        on_conflict: Iterable[str] | None = None,
        using_db: BaseDBAsyncClient | None = None,
    ) -> BulkCreateQuery[Self]:
        """Create many rows, with their search texts."""
        rows = [each.fold() for each in objects]
        return super().bulk_create(rows, batch_size, ignore_conflicts, update_fields, on_conflict, using_db)

    @classmethod
    def bulk_update(
        cls,
        objects: Iterable[Self],
        fields: Iterable[str],
        batch_size: int | None = None,
        using_db: BaseDBAsyncClient | None = None,
    ) -> BulkUpdateQuery[Self]:
        """Update many rows, with their search texts."""
        names, rows = set(fields), list(objects)
        if SEARCH_TEXT in names or cls.touches(names):
            rows, names = [each.fold() for each in rows], names | {SEARCH_TEXT}
        return super().bulk_update(rows, names, batch_size, using_db)


def _text(values: Iterable[object]) -> str:
    return "\n".join(text for value in values if value and (text := folded(str(value))))


class SearchedUpdate(UpdateQuery):
    """Updates rows and then their search texts, in one transaction."""

    def __await__(self) -> Generator[Any, None, int]:
        """Run the update; return how many rows were changed."""
        return self._run().__await__()

    async def _run(self) -> int:
        kind: type[Searched] = self.model
        async with transaction():
            rows = QuerySet(kind).filter(*self._q_objects)
            ids = await rows.values_list("id", flat=True)
            # `all()` has chosen the connection already, which on SQLite waits for the transaction around it to end.
            self._db = get_connection("default")
            self._make_query()
            changed = await self._execute()
            if changed:
                # This transaction has locked the changed rows: nobody writes them between reading and writing.
                await kind.bulk_update(await kind.filter(id__in=ids), [SEARCH_TEXT], batch_size=100)
        return changed


class SearchedQuerySet(QuerySet[Searched]):
    """A query whose `update` keeps search texts up to date."""

    def update(self, **kwargs: Any) -> UpdateQuery:  # noqa: ANN401 - as the ORM has it
        """Update rows; when that changes search texts and ``kwargs`` has none, each row's is written afterwards."""
        kind: type[Searched] = self.model
        plain = super().update(**kwargs)
        if SEARCH_TEXT in kwargs or not kind.touches(kwargs):
            return plain
        return SearchedUpdate(
            model=kind,
            update_kwargs=kwargs,
            db=self._db,
            q_objects=self._q_objects,
            annotations=self._annotations,
            custom_filters=self._custom_filters,
            limit=self._limit,
            orderings=self._orderings,
        )


class SearchedManager(Manager):
    """Makes queries that keep search texts up to date."""

    def get_queryset(self) -> SearchedQuerySet:
        """Return all rows."""
        return SearchedQuerySet(self._model)
