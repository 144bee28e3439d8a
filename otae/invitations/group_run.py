"""Inviting a group in one go, for a command: what a worker does in steps, with everything its maker may see."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Final
from uuid import UUID

from otae.delivery.texts.compose import invitation_url
from otae.errors import StaleState
from otae.invitations import group_worker, groups, listing, results, tokens
from otae.invitations.channels import BY_HAND
from otae.invitations.group_worker import Made
from otae.invitations.groups import GroupOrder, Status
from otae.invitations.lifecycle import Created
from otae.invitations.results import Result
from otae.store import leases
from otae.store.desk import Desk
from otae.store.models import GroupInvitation

#: Seconds until it is looked again whether messages were sent.
PAUSE: Final = 1


async def run(
    desk: Desk,
    wanted: GroupOrder,
    *,
    clock: Callable[[], Awaitable[datetime]],
    actor: str,
    dry_run: bool = False,
    show_pin: bool = False,
) -> AsyncIterator[dict[str, object]]:
    """Look a group up and invite it, or only look it up; then give what became of each member, by user name.

    A member gives "user" and what `listing.created_as_json` gives, or "user", "error" and "reason"; in a dry run who
    would be invited gives "user", "email", "mode" and status "waiting". The order is held meanwhile: a server beside
    takes it up only when this process dies, or when as many messages wait as may. Then it goes on in the background,
    and who was not invited yet is "waiting"; where PINs are shown, this command waits until some were sent. Raises as
    `groups.order`, and StaleState while a worker has this key.
    """
    row = await groups.order(desk, wanted, now=await clock(), actor=actor, hold=True)
    show_pin = show_pin or row.pin_channel in BY_HAND
    pins: dict[UUID, str] = {}
    try:
        while row.status == Status.DRY_RUN:
            await group_worker.look_up(desk, row, now=await clock())
            await leases.hold_on(row, await clock())
        if row.status == Status.READY and not dry_run:
            await leases.hold_on(row, await clock())
            await groups.start(desk, row, now=await clock(), actor=actor)
        while row.status == Status.EXPANDING and not dry_run:
            made = await _wave(desk, row, clock, show_pin=show_pin)
            if made is None:
                break
            pins |= {each.invitation.id: each.clear for each in made if each.clear}
            await leases.hold_on(row, await clock())
    except StaleState:
        found = await groups.find(row.id)
        if found is None or found.status in groups.MOVING:
            raise
        row = found  # paused or cancelled in the console: what was done until then is what there is to tell
    finally:
        await leases.let_go(row)
        if row.status == Status.EXPANDING:
            desk.bell.ring("group", row.id)
    async for page in results.every_result(row):
        for each in page:
            yield _told(desk, row, each, pins)


async def _wave(
    desk: Desk, row: GroupInvitation, clock: Callable[[], Awaitable[datetime]], *, show_pin: bool
) -> list[Made] | None:
    """Invite the next wave, nobody yet while as many messages wait as may; None when a worker can go on as well."""
    if await group_worker.unsent(row) < group_worker.UNSENT:
        return await group_worker.invite_wave(desk, row, now=await clock(), show_pin=show_pin)
    if not show_pin:
        return None
    await asyncio.sleep(PAUSE)  # PINs to be shown are known here alone
    return []


def _told(desk: Desk, row: GroupInvitation, result: Result, pins: dict[UUID, str]) -> dict[str, object]:
    person, invitation = result.invitee, result.invitee.invitation
    if person.reason:
        words = results.WHY.get(person.reason, person.reason)
        return {"user": person.name, "error": f"{person.name} {words}", "reason": person.reason}
    if invitation is None:
        return {"user": person.name, "email": person.email, "mode": row.mode, "status": person.status}
    if invitation.token_sealed is None:
        whole = listing.stamp(invitation.valid_until)
        told = {"id": str(invitation.id), "mode": invitation.mode, "status": invitation.status, "valid_until": whole}
        return {"user": person.name, **told}
    token = tokens.reveal(desk, invitation)
    url = invitation_url(desk.settings, token)
    return {"user": person.name, **listing.created_as_json(Created(invitation, token, url, pins.get(invitation.id)))}
