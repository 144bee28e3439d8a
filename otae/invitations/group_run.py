"""Invites a group in one command: the steps of a group worker, run by the caller."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.delivery.texts.compose import invitation_url
from otae.errors import StaleState
from otae.invitations import group_worker, groups, listing, results, tokens
from otae.invitations.channels import BY_HAND
from otae.invitations.group_worker import NewInvitation
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.lifecycle import Created
from otae.invitations.results import PersonResult
from otae.store import leases
from otae.store.desk import Desk
from otae.store.models import GroupInvitation

#: Seconds between two looks at how many messages were sent.
POLL_SECONDS: Final = 1


async def run(
    desk: Desk,
    group_order: GroupOrder,
    *,
    clock: Callable[[], Awaitable[datetime]],
    actor: str,
    dry_run: bool = False,
    show_pin: bool = False,
) -> AsyncIterator[dict[str, object]]:
    """Look a group up and invite it (or only look it up), then yield the result of each member, by user name.

    A member yields "user" and the keys of `listing.created_as_json`, or "user", "error" and "reason". In a dry run each
    member who would be invited yields "user", "email", "mode" and the status "waiting".

    The order is leased meanwhile: a server takes it over only when this process dies, or when `group_worker.UNSENT`
    messages wait. In that case the rest is invited in the background and yields the status "waiting"; where PINs are
    shown, this command waits instead until some messages were sent.

    Raises:
        InputRefused: As `groups.order`.
        StaleState: A worker has the order with this key.
    """
    row = await groups.order(desk, group_order, now=await clock(), actor=actor, hold=True)
    show_pin = show_pin or row.pin_channel in BY_HAND
    pins: dict[UUID, str] = {}
    leased = row
    try:
        while row.status == Status.DRY_RUN:
            await group_worker.look_up(desk, row, now=await clock())
            await leases.extend(row, await clock())
        if row.status == Status.READY and not dry_run:
            await leases.extend(row, await clock())
            await groups.start(desk, row, now=await clock(), actor=actor)
        while row.status == Status.EXPANDING and not dry_run:
            made = await _invite_next_batch(desk, row, clock, show_pin=show_pin)
            if made is None:
                break
            pins |= {each.invitation.id: each.clear for each in made if each.clear}
            await leases.extend(row, await clock())
    except StaleState:
        current = await groups.find(row.id)
        if current is None or (current.status in {*groups.MOVING, Status.READY} and not pins):
            raise
        # Paused or cancelled in the console, or taken over when PINs were made that are known here alone: what was
        # done until then is what there is to tell.
        row = current
    finally:
        await leases.give_back(leased)
        if row.status == Status.EXPANDING:
            desk.bell.ring("group", row.id)
    async for page in results.every_result(row):
        for each in page:
            yield _as_json(desk, row, each, pins)


async def _invite_next_batch(
    desk: Desk, row: GroupInvitation, clock: Callable[[], Awaitable[datetime]], *, show_pin: bool
) -> list[NewInvitation] | None:
    """Invite the next batch; an empty list while too many messages wait, None when a worker can do the rest."""
    if await group_worker.unsent(row) < group_worker.UNSENT:
        return await group_worker.invite_batch(desk, row, now=await clock(), show_pin=show_pin)
    if not show_pin:
        return None
    await asyncio.sleep(POLL_SECONDS)  # PINs to be shown are known here alone
    return []


def _as_json(desk: Desk, row: GroupInvitation, result: PersonResult, pins: dict[UUID, str]) -> dict[str, object]:
    person, invitation = result.invitee, result.invitee.invitation
    if person.reason:
        words = results.WHY.get(person.reason, person.reason)
        return {"user": person.name, "error": f"{person.name} {words}", "reason": person.reason}
    if invitation is None:
        return {"user": person.name, "email": person.email, "mode": row.mode, "status": person.status}
    if invitation.token_sealed is None:
        whole = listing.rfc3339(invitation.valid_until)
        fields = {"id": str(invitation.id), "mode": invitation.mode, "status": invitation.status, "valid_until": whole}
        return {"user": person.name, **fields}
    token = tokens.reveal(desk, invitation)
    url = invitation_url(desk.settings, token)
    return {"user": person.name, **listing.created_as_json(Created(invitation, token, url, pins.get(invitation.id)))}
