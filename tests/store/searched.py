"""People whose texts are searched for."""

from datetime import UTC, datetime

from otae.store import search_text
from otae.store.models import Person

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def person(name: str, display_name: str = "", email: str | None = None) -> Person:
    return Person(name=name, display_name=display_name or name, email=email, created_at=NOW)


async def found(text: str) -> list[str]:
    rows = await Person.filter(await search_text.contains(Person, text)).order_by("name")
    return [row.name for row in rows]
