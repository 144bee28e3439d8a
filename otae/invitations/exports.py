"""CSV exports of invitations and of the results of a group invitation; no cell can start a spreadsheet formula."""

from collections.abc import AsyncIterator
from typing import Final

from otae.contacts import shown_address
from otae.directory.files.spreadsheets import to_csv
from otae.directory.reach import EVERYBODY, Reach
from otae.invitations import listing, results
from otae.invitations.listing import EVERYTHING, Filters
from otae.store import carried_data
from otae.store.models import GroupInvitation, Invitation
from otae.store.paging import NEWEST_FIRST, Order

#: Columns of `otae invitation export`.
INVITATION: Final = (
    "id", "user", "name", "email", "mode", "status", "ownership", "platform", "serial", "valid_until", "created_at",
    "created_by", "redeemed_at", *carried_data.TITLES, "seen_at",
)  # fmt: skip


async def group_results(row: GroupInvitation, show: str = "", *, reach: Reach = EVERYBODY) -> AsyncIterator[str]:
    """Yield the people of a group invitation as CSV, one page at a time; ``show`` as in `results.results`."""
    yield to_csv([results.HEADINGS])
    async for page in results.every_result(row, show, reach=reach):
        yield to_csv(results.cells(row, each) for each in page)


async def invitations(
    status: str | None = None, *, filters: Filters = EVERYTHING, reach: Reach = EVERYBODY, order: Order = NEWEST_FIRST
) -> AsyncIterator[str]:
    """Yield the pieces of one CSV file: its column names, then invitations; arguments as `listing.list_invitations`."""
    yield to_csv([INVITATION])
    after: Invitation | None = None  # the row, which may be deleted meanwhile
    while page := await listing.list_invitations(
        status, after, listing.MAX_LIMIT, filters=filters, reach=reach, order=order
    ):
        rows = [
            listing.as_json(row)
            | {
                "name": row.person.display_name,
                "email": shown_address(row.person.email),
                "created_by": row.created_by,
                "seen_at": listing.rfc3339(row.seen_at),
            }
            for row in page
        ]
        yield to_csv([str(each[name] or "") for name in INVITATION] for each in rows)
        after = page[-1]
