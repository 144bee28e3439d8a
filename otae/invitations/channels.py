"""How a PIN reaches the person: by mail, as a text message, shown to the administrator once, or on a printed card.

Link and PIN in one mailbox are one factor; a mode's policy can require that they go by different channels.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from otae.contacts import NumberRefused, e164
from otae.delivery import servers
from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.mode_table import MODES, Mode, has_pin
from otae.store.models import Invitation, ModePolicy, Person
from otae.store.properties import default_region
from otae.translatable import N_, joined

MAIL: Final = "mail"
SMS: Final = "sms"
SHOWN: Final = "shown"
CARD: Final = "card"
CHANNELS: Final = (MAIL, SMS, SHOWN, CARD)
#: Channels on which the administrator sees the PIN: nothing is sealed, and it is stored nowhere afterwards.
BY_HAND: Final = frozenset({SHOWN, CARD})
#: What a policy may require; "" for any channel.
POLICIES: Final = ("", SMS, SHOWN, CARD)
#: Each channel in words, as part of a sentence.
CHANNEL_PHRASES: Final[Mapping[str, str]] = {
    MAIL: N_("by mail"),
    SMS: N_("as a text message"),
    SHOWN: N_("shown to the administrator once"),
    CARD: N_("on a printed card"),
}


async def policies() -> dict[str, str]:
    """Return the required PIN channel by the name of each mode that has one."""
    return {row.mode: row.pin_channel for row in await ModePolicy.all() if row.pin_channel}


async def set_policy(mode_name: str, channel: str, *, now: datetime, actor: str) -> None:
    """Require ``channel`` for the PINs of a mode from now on, also for invitations that are sent again.

    Args:
        channel: One of `POLICIES`; "" allows every channel.

    Raises:
        InputRefused: With the mode's name as field: the mode has no PIN, or ``channel`` is not one of `POLICIES`.
    """
    if channel not in POLICIES or not has_pin(mode_name):
        raise InputRefused({mode_name[:40]: N_("choose one of these")})
    async with transaction():
        row, _ = await ModePolicy.get_or_create(mode=mode_name)
        if row.pin_channel != channel:
            await ModePolicy.filter(id=row.id).update(pin_channel=channel)
            detail = f"{row.pin_channel or 'any'} → {channel or 'any'}"
            await audit.record(actor, "mode.pin-channel", now=now, subject=mode_name, detail=detail)


async def channel_for(mode: Mode, requested: str | None, *, show_pin: bool = False) -> str:
    """Return the channel for a PIN of ``mode``.

    Args:
        requested: One of `CHANNELS`; None or "" for the policy's, else mail.
        show_pin: Whether the PIN is also shown to the administrator.

    Raises:
        InputRefused: "pin_channel" or "show_pin" for what the mode's policy does not allow.
    """
    if requested and requested not in CHANNELS:
        raise InputRefused({"pin_channel": N_("choose one of %(channels)s", channels=", ".join(CHANNELS))})
    if not mode.secret:
        return MAIL
    policy = await _policy(mode, show_pin=show_pin)
    if policy and requested and requested != policy:
        raise _policy_refusal("pin_channel", mode, policy)
    return policy or requested or MAIL


async def channel_for_new_pin(mode: Mode, channel: str, *, show_pin: bool = False) -> str:
    """Return the channel for another PIN of an invitation whose last one used ``channel``. Raises as `channel_for`."""
    return await _policy(mode, show_pin=show_pin) or channel if mode.secret else channel


async def new_pin_is_by_hand(invitation: Invitation) -> bool:
    """Return whether a new PIN of ``invitation`` would be shown or printed rather than sent."""
    if not has_pin(invitation.mode):
        return False
    return await channel_for_new_pin(MODES[invitation.mode], invitation.pin_channel) in BY_HAND


async def _policy(mode: Mode, *, show_pin: bool) -> str:
    policy = (await policies()).get(mode.name, "")
    if show_pin and policy == SMS:
        raise _policy_refusal("show_pin", mode, policy)
    return policy


def _policy_refusal(field: str, mode: Mode, policy: str) -> InputRefused:
    how = CHANNEL_PHRASES[policy]
    return InputRefused({field: N_("a PIN of %(title)s may only go out %(policy)s", title=mode.title, policy=how)})


async def why_undeliverable(channel: str, person: Person) -> str:
    """Return why a PIN cannot reach ``person`` by ``channel``, "" when it can."""
    missing = await missing_servers(channel)
    if channel == SMS and not number_of(person, await default_region()):
        needed = N_("a phone number that text messages reach") if person.phone else N_("a phone number")
        name = person.display_name or person.name
        missing.append(N_("%(person)s lacks %(had)s, which the PIN goes to", person=name, had=needed))
    return joined(missing)


async def missing_servers(channel: str) -> list[str]:
    """Return what this installation lacks to send by ``channel``, nothing when it lacks nothing.

    Without an SMS server the mail catcher takes text messages, but only as long as no mail server is active either.
    """
    if channel != SMS or await servers.active_server("sms") or not await servers.active_server("smtp"):
        return []
    return [N_("no SMS server is active under Notification servers")]


def number_of(person: Person, region: str) -> str | None:
    """Return the person's phone number in E.164 form, None without a usable one.

    ``region``: the country of numbers without "+", from `properties.default_region`.
    """
    try:
        return e164(person.phone, region=region) if person.phone else None
    except NumberRefused:
        return None
