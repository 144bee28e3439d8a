"""All tables as a backup sees them: in which order rows can be put back, and each row as values that JSON knows."""

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

#: Nothing that ends with the installation it was made in: signed-in browsers and what is kept for them, signs of life,
#: what mail servers refuse.
LEFT_OUT: Final = frozenset({"BrowserSession", "Heartbeat", "KeptText", "ServerRefusal"})
_PAGE: Final = 200


@dataclass(frozen=True)
class Table:
    """One table. ``columns``: attribute → kind of field; ``itself``: the foreign key that points into it, or None."""

    name: str
    model: type[Model]
    key: str
    numbered: bool
    columns: dict[str, type[fields.Field[Any]]]
    above: frozenset[str]
    itself: str | None

    async def rows(self) -> AsyncIterator[dict[str, object]]:
        """Give every row as values for JSON, those that others of the table point to before those others."""
        depth = 0
        while True:
            found = False
            async for row in self._level(depth):
                found = True
                yield row
            if not found or self.itself is None:
                return
            depth += 1

    async def _level(self, depth: int) -> AsyncIterator[dict[str, object]]:
        wanted = self.model.all()
        if self.itself is not None:
            path = f"{self.itself}__" * depth
            wanted = wanted.filter(**{f"{path}{self.itself}_id__isnull": True})
            if depth:
                path = f"{self.itself}__" * (depth - 1)
                wanted = wanted.filter(**{f"{path}{self.itself}_id__isnull": False})
        page = await wanted.order_by(self.key).limit(_PAGE)
        while page:
            for row in page:
                yield {name: to_json(getattr(row, name)) for name in self.columns}
            page = await wanted.filter(**{f"{self.key}__gt": page[-1].pk}).order_by(self.key).limit(_PAGE)

    def read(self, values: dict[str, Any]) -> Model:
        """Return the row that ``values`` stand for; ValueError when they are those of another release's table."""
        if set(values) != set(self.columns):
            raise ValueError(f"{self.name} has other columns here")
        return self.model(**{name: from_json(kind, values[name]) for name, kind in self.columns.items()})


@cache
def tables() -> tuple[Table, ...]:
    """Return the tables that a backup holds, each after those it points to."""
    waiting = {name: _table(name) for name in models.__all__ if name not in LEFT_OUT}
    ordered: list[Table] = []
    while waiting:
        ready = sorted(name for name, table in waiting.items() if not table.above & set(waiting))
        if not ready:
            raise ValueError(f"tables that point to one another in a circle: {', '.join(sorted(waiting))}")
        ordered += [waiting.pop(name) for name in ready]
    return tuple(ordered)


def _table(name: str) -> Table:
    model: type[Model] = getattr(models, name)
    told = model.describe(serializable=False)
    key = told["pk_field"]
    pointing = {each["name"]: each["python_type"].__name__ for each in told["fk_fields"]}
    return Table(
        name,
        model,
        key["name"],
        key["generated"],
        {each["name"]: each["field_type"] for each in (key, *told["data_fields"])},
        frozenset(pointing.values()) - {name},
        next((field for field, target in pointing.items() if target == name), None),
    )


def to_json(value: object) -> object:
    """Return a column's value as JSON holds it: bytes as base64, times in UTC as RFC 3339, ids as text."""
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value) if isinstance(value, UUID) else value


def from_json(kind: type[fields.Field[Any]], value: Any) -> object:  # noqa: ANN401 - whatever JSON holds
    """Return the value of a column of ``kind`` that `to_json` made; ValueError or TypeError when it made none such."""
    if value is None:
        return None
    if issubclass(kind, fields.BinaryField):
        return base64.b64decode(value, validate=True)
    if issubclass(kind, fields.DatetimeField):
        return datetime.fromisoformat(value)
    return UUID(value) if issubclass(kind, fields.UUIDField) else value
