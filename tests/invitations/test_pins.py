"""PINs: random, peppered, hashed, and one at a time."""

from collections.abc import Callable

import pytest
from tortoise.exceptions import IntegrityError

from otae.invitations import pins
from otae.store import database, passwords
from otae.store.desk import Desk
from otae.store.models import InstallationSecret, Pin
from tests.invitations.guests import invite

pytestmark = pytest.mark.anyio


async def test_a_pin_is_eight_digits_and_no_two_are_alike(desk: Desk) -> None:
    invitation, now = (await invite(desk)).invitation, await database.now()
    minted = [await pins.mint(desk, invitation, now=now) for _ in range(5)]
    assert len({clear for _, clear in minted}) == 5
    assert all(len(clear) == 8 and clear.isdigit() for _, clear in minted)


async def test_only_the_pin_itself_fits_and_spaces_and_hyphens_do_not_matter(desk: Desk) -> None:
    pin, clear = await pins.mint(desk, (await invite(desk)).invitation, now=await database.now())
    assert await pins.verify(desk, pin, f" {clear[:4]}-{clear[4:]} ")
    assert not await pins.verify(desk, pin, str((int(clear) + 1) % 10**8).zfill(8))
    assert not await pins.verify(desk, pin, "")
    assert not await pins.verify(desk, pin, "\ud800")


async def test_no_pin_costs_as_much_as_one(
    desk: Desk, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    calls = count_calls(passwords, "verify_secret")
    assert not await pins.verify(desk, None, "12345678")
    assert len(calls) == 1


async def test_the_row_reveals_the_pin_only_through_its_seal(desk: Desk) -> None:
    now, invitation = await database.now(), (await invite(desk)).invitation
    pin, clear = await pins.mint(desk, invitation, now=now)
    assert pin.pin_sealed is not None
    assert desk.vault.open(pin.pin_sealed, pin.id, pins.SEAL) == clear.encode()
    assert not await passwords.verify_secret(desk.resources, clear.encode(), pin.pin_hash), (
        "the hash is over the peppered PIN"
    )
    unsealed, _ = await pins.mint(desk, invitation, now=now, sealed=False)
    assert unsealed.pin_sealed is None


async def test_another_pepper_lets_no_pin_fit(desk: Desk) -> None:
    pin, clear = await pins.mint(desk, (await invite(desk)).invitation, now=await database.now())
    pepper = await InstallationSecret.get(name="pepper")
    pepper.value_sealed = desk.vault.seal(bytes(32), pepper.id, "secret")
    await pepper.save()
    assert not await pins.verify(desk, pin, clear)


async def test_the_database_holds_one_active_pin_for_each_invitation(desk: Desk) -> None:
    invitation, now = (await invite(desk)).invitation, await database.now()
    second, _ = await pins.mint(desk, invitation, now=now, generation=2)
    with pytest.raises(IntegrityError):
        await second.save(force_create=True)
    await pins.invalidate(invitation)
    await second.save(force_create=True)
    active = await Pin.filter(invitation_id=invitation.id, active=True)
    assert [pin.generation for pin in active] == [2]
