"""How a PIN reaches the person: by mail, as a text message, shown to the administrator once, or on a printed card.

Link and PIN in one mailbox are one factor; a policy of an enrollment mode keeps them apart.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otae.delivery import servers
from otae.delivery.phones import NumberRefused, default_region, e164
from otae.errors import InputRefused
from otae.invitations.modes import MODES, Mode
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import Invitation, ModePolicy, Person
from otae.words import N_

MAIL: Final = "mail"
SMS: Final = "sms"
SHOWN: Final = "shown"
CARD: Final = "card"
CHANNELS: Final = (MAIL, SMS, SHOWN, CARD)
#: Those that an administrator sees the PIN for: nothing is sealed, and it stands nowhere afterwards.
BY_HAND: Final = frozenset({SHOWN, CARD})
#: What a policy may ask for; "" for any.
POLICIES: Final = ("", SMS, SHOWN, CARD)
#: How each is said.
WORDS: Final[Mapping[str, str]] = {
    MAIL: N_("by mail"),
    SMS: N_("as a text message"),
    SHOWN: N_("shown to the administrator once"),
    CARD: N_("on a printed card"),
}


async def policies() -> dict[str, str]:
    """Return the policy of every mode whose PINs may only go out one way, by the mode's name."""
    return {row.mode: row.pin_channel for row in await ModePolicy.all() if row.pin_channel}


async def set_policy(mode_name: str, channel: str, *, now: datetime, actor: str) -> None:
    """Let PINs of a mode only go out by ``channel`` ("": any way) from now on, also when an invitation is sent again.

    InputRefused with the mode's name for a mode without PIN, or a channel that is no policy.
    """
    if channel not in POLICIES or mode_name not in {mode.name for mode in MODES if mode.secret}:
        raise InputRefused({mode_name[:40]: "choose one of these"})
    async with transaction():
        row, _ = await ModePolicy.get_or_create(mode=mode_name)
        if row.pin_channel != channel:
            await ModePolicy.filter(id=row.id).update(pin_channel=channel)
            detail = f"{row.pin_channel or 'any'} → {channel or 'any'}"
            await audit.record(actor, "mode.pin-channel", now=now, subject=mode_name, detail=detail)


async def choose(mode: Mode, wanted: str | None, *, shown_too: bool = False) -> str:
    """Return how a PIN of ``mode`` goes out; ``wanted``: as asked for, None or "" for as the mode has it.

    ``shown_too``: the PIN is also to be shown. Raises InputRefused ("pin_channel", "show_pin") for what the mode's
    policy does not allow.
    """
    if wanted and wanted not in CHANNELS:
        raise InputRefused({"pin_channel": f"choose one of {', '.join(CHANNELS)}"})
    if not mode.secret:
        return MAIL
    policy = await _policy(mode, shown_too=shown_too)
    if policy and wanted and wanted != policy:
        raise InputRefused({"pin_channel": f"a PIN of {mode.title} may only go out {WORDS[policy]}"})
    return policy or wanted or MAIL


async def again(mode: Mode, channel: str, *, shown_too: bool = False) -> str:
    """Return how a new PIN of an invitation goes out whose last one went out by ``channel``. Raises as `choose`."""
    return await _policy(mode, shown_too=shown_too) or channel if mode.secret else channel


async def next_is_by_hand(invitation: Invitation) -> bool:
    """Tell whether a new PIN of ``invitation`` is shown or printed."""
    mode = next((mode for mode in MODES if mode.name == invitation.mode), None)
    return mode is not None and mode.secret and await again(mode, invitation.pin_channel) in BY_HAND


async def _policy(mode: Mode, *, shown_too: bool) -> str:
    policy = (await policies()).get(mode.name, "")
    if shown_too and policy == SMS:
        raise InputRefused({"show_pin": f"a PIN of {mode.title} may only go out {WORDS[policy]}"})
    return policy


async def lacking(channel: str, person: Person) -> str:
    """Say what keeps a PIN from reaching ``person`` by ``channel``; "" when nothing does."""
    missing = await lacking_here(channel)
    if channel == SMS and not number_of(person, await default_region()):
        had = "a phone number that text messages reach" if person.phone else "a phone number"
        missing = [*missing, f"{person.display_name or person.name} lacks {had}, which the PIN goes to"]
    return "; ".join(missing)


async def lacking_here(channel: str) -> list[str]:
    """Say what this installation lacks for ``channel``.

    While no mail goes out either the catcher takes text messages too; where mail goes out they need a server.
    """
    if channel != SMS or await servers.active_server("sms") or not await servers.active_server("smtp"):
        return []
    return ["no SMS server is active under Notification servers"]


def number_of(person: Person, region: str) -> str | None:
    """Return the person's number in E.164 form, None when there is none that can be used."""
    try:
        return e164(person.phone, region=region) if person.phone else None
    except NumberRefused:
        return None
