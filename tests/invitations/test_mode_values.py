"""What an administrator decides about a mode, what is refused, and what invitations that are out there keep."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused, ModeOff
from otae.invitations import lifecycle, mode_values, pins
from otae.invitations.mode_values import ModeValues, set_values
from otae.invitations.modes import all_modes, known_mode, mode_of
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import AuditEntry, Invitation, ModePolicy, NotificationTemplate, Pin
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio


async def decide(name: str, **values: Any) -> None:  # noqa: ANN401 - fields of the values
    await set_values(name, ModeValues(**values), now=await database.now(), actor="ada")


async def wrong(name: str, **values: Any) -> Mapping[str, str]:  # noqa: ANN401 - as above
    with pytest.raises(InputRefused) as caught:
        await decide(name, **values)
    return caught.value.fields


async def test_values_hold_for_what_is_made_from_then_on_and_are_audited(desk: Desk) -> None:
    now = await database.now()
    before = await invite(desk, "username_pin", now=now)
    await decide("username_pin", valid_for="7d", max_tries=5, pin_length=6)
    after = await invite(desk, "username_pin", user="cleo", now=now)
    assert (before.invitation.valid_until, after.invitation.valid_until) == (
        now + timedelta(hours=24),
        now + timedelta(days=7),
    )
    assert (len(before.pin or ""), len(after.pin or "")) == (8, 6)
    entry = await AuditEntry.get(action="mode.values")
    assert (entry.subject, entry.actor, entry.detail) == (
        "username_pin",
        "ada",
        "valid minutes 1440 → 10080, max tries 3 → 5, pin length 8 → 6",
    )
    assert await pins.verify(desk, await pins.active_pin(before.invitation), before.pin or "")


async def test_a_pin_of_letters_is_good_however_it_is_typed(desk: Desk) -> None:
    await decide("username_pin", pin_letters=True, pin_length=10)
    created = await invite(desk, "username_pin")
    assert len(created.pin or "") == 10
    assert set(created.pin or "") <= set(pins.LETTERS)
    typed = f"{(created.pin or '')[:5].lower()}-{(created.pin or '')[5:]}"
    entry = SignInEntry("ben", pin=typed, invitation=created.invitation)
    assert (await sign_in(desk, entry, now=await database.now())).mode == "username_pin"


async def test_fewer_tries_hold_at_once_and_the_sweep_fails_what_is_spent(desk: Desk) -> None:
    created = await invite(desk, "username_pin")
    await Pin.filter(invitation_id=created.invitation.id).update(link_tries=2)
    assert await lifecycle.expire_due(await database.now()) == 0
    await decide("username_pin", max_tries=2)
    assert await lifecycle.expire_due(await database.now()) == 1
    assert (await Invitation.get(id=created.invitation.id)).status == "failed"


async def test_what_is_not_within_bounds_is_refused_beside_its_field(desk: Desk) -> None:
    found = await wrong("two_factor", valid_for="30m", max_tries=0, pin_length=5)
    assert set(found) == {"valid_for", "max_tries", "pin_length"}
    assert set(await wrong("two_factor", valid_for="366d", max_tries=11, pin_length=17)) == set(found)
    assert "never ends" in (await wrong("two_factor", valid_for="never"))["valid_for"]
    assert set(await wrong("invitation_url", valid_for="never")) == {"valid_for"}
    assert "no PIN" in (await wrong("username_password", pin_length=8))["pin_length"]
    assert set(await wrong("two_factor", templates={"url": "nothing"})) == {"templates"}
    assert set(await wrong("username_password", templates={"pin": ""})) == {"templates"}
    assert set(await wrong("two_factor", enabled=False)) == {"enabled"}
    assert set(await wrong("high_security", default=True)) == {"default"}
    assert set(await wrong("username_pin", default=True, enabled=False)) == {"default"}
    with pytest.raises(ModeOff):
        await decide("classic", enabled=True)
    assert not await ModePolicy.exists()
    assert not await AuditEntry.filter(action__startswith="mode.").exists()


async def test_no_mode_is_for_self_service_until_somebody_says_so(desk: Desk) -> None:
    assert not [mode for mode in await all_modes() if mode.self_service]
    await decide("high_security", self_service=True)
    assert [mode.name for mode in await all_modes() if mode.self_service] == ["high_security"]
    assert (await AuditEntry.get(action="mode.values")).detail == "self service false → true"
    await decide("high_security", self_service=False)
    assert (await ModePolicy.get(mode="high_security")).options is None


async def test_first_values_leave_nothing_behind(desk: Desk) -> None:
    await decide("username_password", valid_for="30d")
    assert (await known_mode("username_password")).valid_for == timedelta(days=30)
    await decide("username_password", valid_for="never")
    assert (await ModePolicy.get(mode="username_password")).options is None
    await decide("username_password", valid_for="never")
    assert await AuditEntry.filter(action="mode.values").count() == 2


async def test_a_mode_that_is_off_takes_nothing_new_and_lets_in_whom_it_invited(desk: Desk) -> None:
    now = await database.now()
    created = await invite(desk, "username_pin", now=now)
    await decide("username_pin", enabled=False)
    assert await mode_values.count_pending("username_pin", now=now) == 1
    with pytest.raises(InputRefused) as refused:
        await invite(desk, "username_pin", user="cleo")
    assert set(refused.value.fields) == {"mode"}
    with pytest.raises(ModeOff):
        await lifecycle.resend(desk, created.invitation, now=now, actor="ada")
    session = await sign_in(desk, SignInEntry("ben", pin=created.pin or ""), now=now)
    assert session.invitation_id == created.invitation.id


async def test_nobody_starts_by_themselves_where_the_mode_for_it_is_off(desk: Desk) -> None:
    await add_person(desk, "ben")
    now = await database.now()
    assert (await sign_in(desk, SignInEntry("ben", PASSWORD), now=now)).mode == "username_password"
    await decide("username_password", enabled=False)
    with pytest.raises(ModeOff):
        await sign_in(desk, SignInEntry("ben", PASSWORD), now=now)


@pytest.mark.parametrize("name", ["invitation_url", "invitation_url_pin", "invitation_url_password"])
async def test_the_modes_that_are_off_at_first_work_when_they_are_switched_on(desk: Desk, name: str) -> None:
    await decide(name, enabled=True)
    created, mode = await invite(desk, name), await mode_of(name)
    password = PASSWORD if mode.authentication else ""
    entry = SignInEntry("", password, created.pin or "", invitation=created.invitation)
    assert (await sign_in(desk, entry, now=await database.now())).mode == name
    assert (created.pin is not None) == mode.secret


async def test_another_mode_is_offered_first(desk: Desk) -> None:
    await decide("username_pin", default=True)
    assert await properties.word("enrollment.default.mode") == "username_pin"
    assert (await AuditEntry.get(action="property.set")).detail == "two_factor → username_pin"


async def test_a_mode_names_templates_for_invitations_that_name_none(desk: Desk) -> None:
    system = await NotificationTemplate.get(kind="url", system=True)
    own = NotificationTemplate(kind="url", name="Contractors", subject="s", text="t", html="h")
    await own.save(force_create=True)
    await decide("username_pin", templates={"url": "Contractors", "pin": ""})
    assert (await known_mode("username_pin")).templates == {"url": str(own.id)}
    assert (await invite(desk, "username_pin")).invitation.url_template_id == own.id
    chosen = await invite(desk, "username_pin", user="cleo", url_template=str(system.id))
    assert chosen.invitation.url_template_id == system.id
    await own.delete()
    assert (await invite(desk, "username_pin")).invitation.url_template_id is None
    await decide("username_pin", templates={"url": ""})
    assert all(not mode.templates for mode in await all_modes())
