"""Many people with messages that wait."""

from collections.abc import Sequence
from uuid import UUID

from otae.store.models import Delivery
from tests.delivery.conftest import Invite, Invited


async def invite_many(invite: Invite, count: int, *kinds: str) -> list[Invited]:
    return [await invite(*(kinds or ("url",)), name=f"ben{at}", email=f"ben{at}@example.test") for at in range(count)]


def ids(people: Sequence[Invited]) -> list[UUID]:
    return [row.id for one in people for row in one.deliveries.values()]


async def standing() -> dict[str, int]:
    found: dict[str, int] = {}
    for status in await Delivery.all().values_list("status", flat=True):
        found[str(status)] = found.get(str(status), 0) + 1
    return found


async def queue_many(invite: Invite, count: int) -> list[Delivery]:
    return [one.deliveries["url"] for one in await invite_many(invite, count)]
