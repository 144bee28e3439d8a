"""Where the next page of a list begins: behind the last row that was seen, found through the list's own index.

The first column is compared by itself as well, so that a database begins to read there. "Before this one, or as old and
of a smaller id" alone says the same, and is read from the beginning of the table.
"""

from typing import Any

from tortoise.expressions import Q
from tortoise.models import Model


def behind(first: tuple[str, object], second: tuple[str, object], *, down: bool = False) -> Q:
    """Return the condition under which a row comes behind these values of the two columns it is ordered by.

    ``down``: the list begins with the largest.
    """
    (one, place), (two, further) = first, second
    beyond = "lt" if down else "gt"
    start: dict[str, Any] = {f"{one}__{beyond}e": place}
    past: dict[str, Any] = {f"{one}__{beyond}": place}
    along: dict[str, Any] = {f"{two}__{beyond}": further}
    return Q(**start) & (Q(**past) | Q(**along))


def older(last: Model | None, column: str = "created_at") -> Q:
    """Return the condition under which a row of a list "newest first" comes behind ``last``; None: every row does."""
    if last is None:
        return Q()
    return behind((column, getattr(last, column)), ("id", last.pk), down=True)
