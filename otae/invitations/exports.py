"""CSV for spreadsheets: written as one reads, and no cell ever begins a formula."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from otae.invitations import listing, results
from otae.store.models import GroupInvitation

#: A cell that begins with one of these is calculated by a spreadsheet that opens the file (OWASP ASVS 5, 1.2.10).
FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\0")
#: What `otae invitation export` writes of each invitation.
INVITATION: Final = (
    "id", "user", "name", "email", "mode", "status", "ownership", "platform", "serial", "valid_until", "created_at",
    "created_by", "redeemed_at",
)  # fmt: skip


def guarded(cell: str) -> str:
    """Return a cell that a spreadsheet shows and does not calculate: with ' in front where it would."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV (RFC 4180: commas, quotes where needed, CRLF), each cell guarded."""
    text = io.StringIO()
    csv.writer(text).writerows([guarded(cell) for cell in row] for row in rows)
    return text.getvalue()


async def group_results(row: GroupInvitation, show: str = "") -> AsyncIterator[str]:
    """Give the people of a group invitation as CSV, a page at a time; ``show`` as in `results.results`."""
    yield lines([results.HEADINGS])
    async for page in results.every_result(row, show):
        yield lines(results.cells(row, each) for each in page)


async def invitations(status: str | None = None) -> AsyncIterator[str]:
    """Give all invitations, or those of one status, as CSV, newest first, a page at a time."""
    yield lines([INVITATION])
    after: str | None = None
    while page := await listing.list_invitations(status=status, after=after, limit=listing.MOST):
        rows = [listing.as_json(row) | {"name": row.person.display_name, "email": row.person.email} for row in page]
        for each, row in zip(rows, page, strict=True):
            each["created_by"] = row.created_by
        yield lines([str(each[name] or "") for name in INVITATION] for each in rows)
        after = str(page[-1].id)
