"""Second factors of administrators: what counts once, who resets whose, and administrators of a directory."""

import asyncio
from datetime import timedelta

import pyotp
import pytest

from otae.accounts import administrators, console_sign_in, notice_addresses, recovery_codes, second_factors, totp
from otae.accounts.console_sign_in import Browser, SecondStep
from otae.accounts.roles import ALL_POWERS, SUPPORT, Grantor, powers_of
from otae.accounts.second_factors import Proof
from otae.errors import BeyondRole, InputRefused, OwnRole, SigninFailed, SlowDown, StaleState
from otae.store import database, properties
from otae.store.desk import Desk
from otae.store.models import Administrator, AdministratorMail, BrowserSession, Counter, RecoveryCode

pytestmark = pytest.mark.anyio

PASSWORD, HERE = "four quiet words here", "203.0.113.0/24"
BROWSER = Browser(HERE, "Firefox", None)
KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


async def with_app(desk: Desk, name: str = "ada", role: str = "ADMIN") -> tuple[Administrator, list[str]]:
    """Add an administrator with an app; return the recovery codes as well. The code of two steps ago is used."""
    now = await database.now()
    given = {"name": name, "password": PASSWORD, "role": role}
    row = await administrators.create_administrator(desk, **given, now=now, actor="x")
    await Administrator.filter(id=row.id).update(email=f"{name}@example.test")
    earlier = now - timedelta(seconds=60)
    codes = await second_factors.add_app(desk, row.id, KEY, pyotp.TOTP(KEY).at(earlier), this="none", now=earlier)
    return await Administrator.get(id=row.id), codes


async def outcome(desk: Desk, row: Administrator, code: str) -> str:
    """Return as what ``code`` was taken, "" when it was refused."""
    try:
        return await second_factors.prove(desk, row, Proof(code), "test", HERE, now=await database.now())
    except (SigninFailed, SlowDown):
        return ""


async def test_the_password_alone_opens_nothing(desk: Desk) -> None:
    row, _codes = await with_app(desk)
    now = await database.now()
    first = await console_sign_in.sign_in(desk, "ada", PASSWORD, BROWSER, now=now)
    assert isinstance(first, SecondStep)
    assert first.sealed not in repr(first)
    assert not await BrowserSession.exists()
    waiting = await console_sign_in.find_second_step(desk, first.sealed, now=now)
    assert waiting is not None
    assert waiting.id == row.id
    later = now + console_sign_in.SECOND_STEP_LIFE + timedelta(seconds=2)
    assert await console_sign_in.find_second_step(desk, first.sealed, now=later) is None
    await Administrator.filter(id=row.id).update(disabled=True)
    assert await console_sign_in.find_second_step(desk, first.sealed, now=now) is None


async def test_one_code_entered_many_times_at_once_is_taken_once(desk: Desk) -> None:
    row, codes = await with_app(desk)
    now = await database.now()
    code = pyotp.TOTP(KEY).at(now)
    taken = await asyncio.gather(*(totp.use_code(desk, row, code, now=now) for _ in range(8)))
    assert taken.count(True) == 1
    used = await asyncio.gather(*(recovery_codes.use_code(desk, row.id, codes[0], now=now) for _ in range(8)))
    assert used.count(True) == 1
    assert await recovery_codes.count_left(row.id) == 9


async def test_an_earlier_step_is_not_taken_after_a_later_one(desk: Desk) -> None:
    row, _codes = await with_app(desk)
    app, now = pyotp.TOTP(KEY), await database.now()
    assert await totp.use_code(desk, row, app.at(now + timedelta(seconds=30)), now=now)
    assert not await totp.use_code(desk, row, app.at(now), now=now)
    assert not await totp.use_code(desk, row, app.at(now - timedelta(seconds=30)), now=now)


@pytest.mark.parametrize("code", ["", "12345", "1234567", "١٢٣٤٥٦", "123456\0", "-12345", "9" * 5000, "A" * 12])
async def test_what_is_no_code_is_refused(desk: Desk, code: str) -> None:
    row, _codes = await with_app(desk)
    assert await outcome(desk, row, code) == ""


async def test_recovery_codes_are_hashed_and_belong_to_one(desk: Desk) -> None:
    row, codes = await with_app(desk)
    eve, _hers = await with_app(desk, "eve")
    stored = {each.code_hash for each in await RecoveryCode.all()}
    assert len(stored) == 20
    assert not stored & {code.replace("-", "") for code in codes}
    assert await outcome(desk, eve, codes[0]) == ""
    assert await outcome(desk, row, f" {codes[0].lower()} ") == "recovery code"
    given, now = (Proof(codes[1]), "test", HERE), await database.now()
    with pytest.raises(SigninFailed):
        await second_factors.prove(desk, row, *given, now=now, recovery=False)


async def test_wrong_codes_wait_and_passwords_do_not_wait_for_them(desk: Desk) -> None:
    row, codes = await with_app(desk)
    for number in range(4):
        assert await outcome(desk, row, f"{number:06}") == ""
    await Counter.filter(failures__gt=3).update(blocked_until=await database.now() + timedelta(minutes=1))
    assert await outcome(desk, row, codes[0]) == "", "a right one waits as well"
    assert await recovery_codes.count_left(row.id) == 10, "and is not used up"
    eve, hers = await with_app(desk, "eve")
    assert await outcome(desk, eve, hers[0]) == "recovery code"
    now = await database.now()
    assert isinstance(await console_sign_in.sign_in(desk, "ada", PASSWORD, BROWSER, now=now), SecondStep)


async def test_a_wrong_app_is_not_taken(desk: Desk) -> None:
    row, _codes = await with_app(desk)
    other = totp.new_key()
    with pytest.raises(InputRefused, match="present code"):
        await second_factors.add_app(desk, row.id, other, "000000", this="x", now=await database.now())
    sealed = (await Administrator.get(id=row.id)).totp_sealed or b""
    assert desk.vault.open(sealed, row.id, totp.SEAL).decode() == KEY


async def test_reset_by_who_may_do_as_much_ends_everything_and_tells_both(desk: Desk) -> None:
    ada, _codes = await with_app(desk)
    eve, _hers = await with_app(desk, "eve", SUPPORT)
    now = await database.now()
    await console_sign_in.open_session(eve, BROWSER, now=now)
    with pytest.raises(OwnRole):
        await second_factors.reset(desk, ada.id, by=Grantor("ada", ALL_POWERS, ada.id), now=now)
    by = Grantor("eve", await powers_of(SUPPORT, now=now), eve.id)
    with pytest.raises(BeyondRole):
        await second_factors.reset(desk, ada.id, by=by, now=now)
    assert not await AdministratorMail.exists()
    await second_factors.reset(desk, eve.id, by=Grantor("ada", ALL_POWERS, ada.id), now=now)
    assert (await second_factors.factors_of(eve.id)).any is False
    assert not await RecoveryCode.filter(administrator_id=eve.id).exists()
    assert not await BrowserSession.exists()
    mails = {row.administrator_id: row for row in await AdministratorMail.all()}
    assert mails[eve.id].subject == "Your second factors were reset"
    assert "reset by ada" in mails[eve.id].text
    assert mails[ada.id].subject == "You reset somebody's second factors"
    with pytest.raises(StaleState):
        await second_factors.reset(desk, eve.id, by=Grantor("command line"), now=now)
    await second_factors.reset(desk, ada.id, by=Grantor("command line"), now=now)
    assert await AdministratorMail.filter(administrator_id=ada.id).count() == 2


async def test_the_former_address_is_told_of_the_new_one(desk: Desk) -> None:
    ada, _codes = await with_app(desk)
    await Administrator.filter(id=ada.id).update(language="de")
    for address in ("ada@example.test", "ada.l@example.test", ""):
        await notice_addresses.set_address(desk, "ada", address, now=await database.now(), actor="ada")
    mails = await AdministratorMail.all().order_by("id")
    assert sorted(row.recipient for row in mails) == ["ada.l@example.test", "ada@example.test"]
    assert {row.subject for row in mails} == {"Ihre Mailadresse wurde geändert"}


async def test_two_who_remove_at_once_do_not_lock_themselves_out(desk: Desk) -> None:
    ada, _codes = await with_app(desk)
    now = await database.now()
    await asyncio.gather(*(second_factors.remove_app(ada.id, now=now) for _ in range(4)))
    row = await Administrator.get(id=ada.id)
    assert (row.second_factor_at, row.totp_sealed) == (None, None)
    assert not isinstance(await console_sign_in.sign_in(desk, "ada", PASSWORD, BROWSER, now=now), SecondStep)


async def test_the_last_factor_stays_where_one_is_needed(desk: Desk) -> None:
    ada, _codes = await with_app(desk)
    await properties.write("console.second.factor", "ADMIN")
    with pytest.raises(InputRefused, match="add another one"):
        await second_factors.remove_app(ada.id, now=await database.now())
    assert (await Administrator.get(id=ada.id)).totp_sealed is not None
    eve, _hers = await with_app(desk, "eve", SUPPORT)
    assert await second_factors.remove_app(eve.id, now=await database.now())
