"""All tables for backup and restore: the order in which rows can be inserted, and rows converted to and from JSON."""

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

from tortoise import fields
from tortoise.models import Model

from otae.store import models

#: Tables that mean nothing in another installation: browser sessions and the texts kept for them, heartbeats, refusals
#: by mail servers, notices and their mails (they would be sent twice).
EXCLUDED: Final = frozenset(
    {
        "AdministratorMail",
        "BrowserSession",
        "Heartbeat",
        "KeptText",
        "Notice",
        "NoticeReceipt",
        "ServerRefusal",
    }
)
_PAGE: Final = 200


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        key: name of the primary key.
        numbered: the database numbers its rows.
        columns: attribute → class of its field.
        references: names of the other tables that its foreign keys point to.
        self_reference: the foreign key that points to the same table, or None.
    """

    name: str
    model: type[Model]
    key: str
    numbered: bool
    columns: dict[str, type[fields.Field[Any]]]
    references: frozenset[str]
    self_reference: str | None

    async def rows(self) -> AsyncIterator[dict[str, object]]:
        """Yield every row as values for JSON; a row that points to another one of the table comes after that one."""
        depth = 0
        while True:
            found = False
            async for row in self._level(depth):
                found = True
                yield row
            if not found or self.self_reference is None:
                return
            depth += 1

    async def _level(self, depth: int) -> AsyncIterator[dict[str, object]]:
        rows = self.model.all()
        if self.self_reference is not None:
            path = f"{self.self_reference}__" * depth
            rows = rows.filter(**{f"{path}{self.self_reference}_id__isnull": True})
            if depth:
                path = f"{self.self_reference}__" * (depth - 1)
                rows = rows.filter(**{f"{path}{self.self_reference}_id__isnull": False})
        page = await rows.order_by(self.key).limit(_PAGE)
        while page:
            for row in page:
                yield {name: to_json(getattr(row, name)) for name in self.columns}
            page = await rows.filter(**{f"{self.key}__gt": page[-1].pk}).order_by(self.key).limit(_PAGE)

    def read(self, values: dict[str, Any]) -> Model:
        """Return the unsaved row of ``values``; ValueError when its columns are those of another release."""
        if set(values) != set(self.columns):
            raise ValueError(f"{self.name} has other columns here")
        return self.model(**{name: from_json(kind, values[name]) for name, kind in self.columns.items()})


@cache
def tables() -> tuple[Table, ...]:
    """Return the tables of a backup, each after those that it references."""
    remaining = {name: _table(name) for name in models.__all__ if name not in EXCLUDED}
    ordered: list[Table] = []
    while remaining:
        ready = sorted(name for name, table in remaining.items() if not table.references & set(remaining))
        if not ready:
            raise ValueError(f"tables that point to one another in a circle: {', '.join(sorted(remaining))}")
        ordered += [remaining.pop(name) for name in ready]
    return tuple(ordered)


def _table(name: str) -> Table:
    model: type[Model] = getattr(models, name)
    description = model.describe(serializable=False)
    key = description["pk_field"]
    keys = [*description["fk_fields"], *description["o2o_fields"]]
    pointing = {each["name"]: each["python_type"].__name__ for each in keys}
    return Table(
        name,
        model,
        key["name"],
        key["generated"],
        {each["name"]: each["field_type"] for each in (key, *description["data_fields"])},
        frozenset(pointing.values()) - {name},
        next((field for field, target in pointing.items() if target == name), None),
    )


def to_json(value: object) -> object:
    """Return a column's value for JSON: bytes as base64, times as RFC 3339 in UTC, ids as text."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, UUID) else value


def from_json(kind: type[fields.Field[Any]], value: Any) -> object:  # noqa: ANN401 - whatever JSON holds
    """Return the value of a column from what `to_json` made of it; ValueError or TypeError for anything else."""
    if value is None:
        return None
    if issubclass(kind, fields.BinaryField):
        return base64.b64decode(value, validate=True)
    if issubclass(kind, fields.DatetimeField):
        return datetime.fromisoformat(value)
    return UUID(value) if issubclass(kind, fields.UUIDField) else value
