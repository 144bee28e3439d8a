"""Second factors of administrators: one-time codes, passkeys, and the recovery codes that stand in for both.

The first one that is set up signs the administrator's other browsers out, so that from then on each has proven one.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from otae.accounts import account_mails, browsers, guess_alerts, made_links, passkeys, recovery_codes, throttle, totp
from otae.accounts.passkeys import Answer, Question
from otae.accounts.roles import ADMIN, Grantor, Powers, permissions_of, powers_of
from otae.errors import InputRefused, OwnRole, SigninFailed, StaleState
from otae.store import audit, browser_seals, passwords, properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, Passkey, RecoveryCode
from otae.store.passwords import hash_token
from otae.text import TextRefused, visible_line
from otae.translatable import N_

#: How long the key of a new app may be confirmed.
KEY_LIFE: Final = timedelta(minutes=30)
#: Most passkeys of one administrator, and the length of their names.
MOST_PASSKEYS, LONGEST_NAME = 20, 60
#: Most failures in an hour from one network, over all administrators.
FAILURES_PER_NETWORK: Final = 100
_KEY: Final = "otae key of one-time codes"


@dataclass(frozen=True)
class OwnPasskey:
    """A passkey as its administrator sees it."""

    id: UUID
    name: str
    created_at: datetime
    used_at: datetime | None


@dataclass(frozen=True)
class Factors:
    """What an administrator has set up. ``codes_left``: recovery codes that are not used yet."""

    totp: bool
    passkeys: tuple[OwnPasskey, ...]
    codes_left: int

    @property
    def any(self) -> bool:
        """Whether there is a second factor; recovery codes alone are none."""
        return self.totp or bool(self.passkeys)


@dataclass(frozen=True)
class NewKey:
    """The key of an app that is not confirmed yet; ``address`` is for the QR code, ``sealed`` for the form."""

    key: str = field(repr=False)
    address: str = field(repr=False)
    sealed: str = field(repr=False)


@dataclass(frozen=True)
class Proof:
    """What an administrator enters as second factor: a code of the app, a recovery code, or a passkey's answer."""

    code: str = field(default="", repr=False)
    answer: Answer = field(default=Answer())


async def factors_of(administrator_id: UUID) -> Factors:
    """Return what an administrator has set up."""
    row = await Administrator.get(id=administrator_id)
    own = await Passkey.filter(administrator_id=administrator_id).order_by("created_at", "id")
    listed = tuple(OwnPasskey(each.id, each.name, each.created_at, each.used_at) for each in own)
    return Factors(row.totp_sealed is not None, listed, await recovery_codes.count_left(administrator_id))


async def is_required(powers: Powers) -> bool:
    """Return whether an administrator with ``powers`` needs a second factor, by role or server property."""
    wanted = await properties.word("console.second.factor")
    return powers.second_factor or wanted == "everybody" or (wanted == ADMIN and powers.role == ADMIN)


async def new_key(desk: Desk, administrator_id: UUID, name: str, *, now: datetime) -> NewKey:
    """Return a new key for the authenticator app of the administrator called ``name``."""
    key = totp.new_key()
    sealed = await browser_seals.seal(desk, f"{_KEY} {administrator_id}", key.encode(), until=now + KEY_LIFE)
    return _shown_key(desk, name, key, sealed)


async def open_key(desk: Desk, administrator_id: UUID, name: str, sealed: str, *, now: datetime) -> NewKey | None:
    """Return the key that a form brings back, as `new_key` made it; None when it has ended."""
    key = await browser_seals.open_sealed(desk, f"{_KEY} {administrator_id}", sealed, now=now)
    return None if key is None else _shown_key(desk, name, key.decode(), sealed)


async def add_app(desk: Desk, administrator_id: UUID, key: str, code: str, *, this: str, now: datetime) -> list[str]:
    """Take one-time codes of the app with ``key`` from now on, instead of an earlier app's.

    Args:
        code: The app's present code, which counts as used.
        this: The secret of the asking browser.

    Returns:
        New recovery codes when this is the first second factor, else none.

    Raises:
        InputRefused: ("code") the code does not belong to the key.
    """
    step = totp.step_of(key, code, now)
    if step is None:
        raise InputRefused({"code": N_("this is not the app's present code: enter the next one it shows")})
    sealed = desk.vault.seal(key.encode(), administrator_id, totp.SEAL)
    codes, hashes = await _drawn_codes(desk, administrator_id)
    async with transaction():
        row = await _lock(administrator_id)
        await Administrator.filter(id=row.id).update(totp_sealed=sealed, totp_step=step)
        await audit.record(row.name, "administrator.second-factor-added", now=now, subject=row.name, detail="app")
        first = await _begin(row, hashes, this=this, now=now)
    return codes if first else []


async def ask_for_new_passkey(desk: Desk, administrator_id: UUID, *, now: datetime) -> Question:
    """Return the question for a new passkey of an administrator."""
    row = await Administrator.get(id=administrator_id)
    return await passkeys.ask_to_register(desk, row, await Passkey.filter(administrator_id=row.id), now=now)


async def add_passkey(
    desk: Desk, administrator_id: UUID, name: str, answer: Answer, *, this: str, now: datetime
) -> list[str]:
    """Register a passkey. ``this``, and what is returned: as for `add_app`.

    Raises:
        InputRefused: ("name", "").
    """
    row = await Administrator.get(id=administrator_id)
    name = _checked_name(name)
    passkey = await passkeys.read_new(desk, row, answer, now=now)
    if passkey is None:
        raise InputRefused({"": N_("this passkey could not be taken: try again on this page")})
    codes, hashes = await _drawn_codes(desk, administrator_id)
    async with transaction():
        await _lock(administrator_id)
        if await Passkey.filter(administrator_id=row.id).count() >= MOST_PASSKEYS:
            raise InputRefused({"": N_("these are %(most)s passkeys: remove one first", most=MOST_PASSKEYS)})
        if await Passkey.exists(credential_hash=passkey.credential_hash):
            raise InputRefused({"": N_("this passkey is registered already")})
        passkey.name = name
        await passkey.save(force_create=True)
        detail = f"passkey {name}"
        await audit.record(row.name, "administrator.second-factor-added", now=now, subject=row.name, detail=detail)
        first = await _begin(row, hashes, this=this, now=now)
    return codes if first else []


async def remove_app(administrator_id: UUID, *, now: datetime) -> bool:
    """Take no codes of the app any more; return whether there was one. Raises InputRefused as `_settle`."""
    async with transaction():
        row = await _lock(administrator_id)
        if row.totp_sealed is None:
            return False
        await Administrator.filter(id=row.id).update(totp_sealed=None, totp_step=None)
        await audit.record(row.name, "administrator.second-factor-removed", now=now, subject=row.name, detail="app")
        await _settle(row, now)
    return True


async def remove_passkey(administrator_id: UUID, passkey_id: UUID, *, now: datetime) -> bool:
    """Remove a passkey; return whether there was one. Raises InputRefused as `_settle`."""
    async with transaction():
        row = await _lock(administrator_id)
        passkey = await Passkey.get_or_none(id=passkey_id, administrator_id=row.id)
        if passkey is None:
            return False
        await passkey.delete()
        detail = f"passkey {passkey.name}"
        await audit.record(row.name, "administrator.second-factor-removed", now=now, subject=row.name, detail=detail)
        await _settle(row, now)
    return True


async def new_recovery_codes(desk: Desk, administrator_id: UUID, *, now: datetime) -> list[str]:
    """Return ten new recovery codes; the earlier ones end. Raises StaleState without a second factor."""
    codes, hashes = await _drawn_codes(desk, administrator_id)
    async with transaction():
        row = await _lock(administrator_id)
        if row.second_factor_at is None:
            raise StaleState("there is no second factor that codes could stand in for")
        await recovery_codes.replace(row.id, hashes)
        await audit.record(row.name, "administrator.recovery-codes-made", now=now, subject=row.name)
    return codes


async def reset(desk: Desk, administrator_id: UUID, *, by: Grantor, now: datetime) -> str:
    """Remove every second factor of an administrator, sign their browsers out, end the links they made.

    Both are told by mail.

    Returns:
        The administrator's name.

    Raises:
        BeyondRole: the administrator's role allows more than ``by`` may do.
        OwnRole: ``by`` is this administrator.
        StaleState: the administrator is gone, or has no second factor.
    """
    if administrator_id == by.id:
        raise OwnRole
    async with transaction():
        row = await _lock(administrator_id)
        by.check_may_give(await permissions_of(row.role))
        if row.second_factor_at is None:
            raise StaleState("there is no second factor any more")
        await Administrator.filter(id=row.id).update(totp_sealed=None, totp_step=None, second_factor_at=None)
        await Passkey.filter(administrator_id=row.id).delete()
        await RecoveryCode.filter(administrator_id=row.id).delete()
        await browsers.close_all(row)
        await made_links.end_links(row.id, now)
        await audit.record(by.name, "administrator.second-factor-reset", now=now, subject=row.name)
        resetter = await Administrator.get_or_none(id=by.id) if by.id else None
        await account_mails.tell_of_reset(desk, row, resetter, by=by.name, now=now)
    return row.name


async def ask(desk: Desk, administrator_id: UUID, purpose: str, *, now: datetime) -> Question | None:
    """Return the question for one of an administrator's passkeys; None when there are none.

    ``purpose``: what the answer is good for, for this administrator alone.
    """
    known = await Passkey.filter(administrator_id=administrator_id)
    return await passkeys.ask(desk, f"{purpose} {administrator_id}", known, now=now) if known else None


async def prove(
    desk: Desk, row: Administrator, proof: Proof, purpose: str, network: str, *, now: datetime, recovery: bool = True
) -> str:
    """Check a second factor and return which it was, for the audit log.

    Failures are counted as those of passwords are, under the administrator alone.

    Args:
        purpose: As `ask` had it.
        recovery: Whether a recovery code is taken as well.

    Raises:
        SigninFailed: it is wrong, or was used already.
        SlowDown: too many failures.
    """
    with passwords.sign_in_slot(desk.resources, network):
        attempt = await throttle.begin(desk, throttle.CONSOLE, network, now)
        await throttle.count_public_attempt(attempt, f"second factor#{row.id}", {"": FAILURES_PER_NETWORK})
        found = await _matching(desk, row, proof, purpose, recovery=recovery, now=now)
        if found is None:
            await guess_alerts.look_at_names(throttle.FAILURES, network, now=now)
            detail = f"from {network}"
            await audit.record(row.name, "administrator.second-factor-failed", now=now, subject=row.name, detail=detail)
            raise SigninFailed("console")
        await attempt.succeed()
    return found


async def _matching(
    desk: Desk, row: Administrator, proof: Proof, purpose: str, *, recovery: bool, now: datetime
) -> str | None:
    if proof.answer.credential:
        passkey = await passkeys.check(desk, f"{purpose} {row.id}", proof.answer, now=now)
        return f"passkey {passkey.name}" if passkey and passkey.administrator_id == row.id else None
    if await totp.use_code(desk, row, proof.code, now=now):
        return "one-time code"
    if recovery and await recovery_codes.use_code(desk, row.id, proof.code, now=now):
        return "recovery code"
    return None


def _shown_key(desk: Desk, name: str, key: str, sealed: str) -> NewKey:
    return NewKey(key, totp.key_address(key, f"{name}@{desk.settings.public_host}", "otae"), sealed)


async def _drawn_codes(desk: Desk, administrator_id: UUID) -> tuple[list[str], list[str]]:
    codes = recovery_codes.new_codes()
    return codes, await recovery_codes.hashes_of(desk, administrator_id, codes)


async def _lock(administrator_id: UUID) -> Administrator:
    """Lock an administrator's row for this transaction. Raises StaleState when it is gone."""
    row = await Administrator.filter(id=administrator_id).select_for_update().first()
    if row is None:
        raise StaleState("there is no such administrator any more")
    return row


async def _begin(row: Administrator, hashes: list[str], *, this: str, now: datetime) -> bool:
    """After a second factor was added: record when the first was, and return whether this is it.

    The browser with the secret ``this`` has proven it; the administrator's others are signed out after the first.
    """
    mine = BrowserSession.filter(administrator_id=row.id, secret_hash=hash_token(this))
    await mine.update(second_factor_at=now)
    if row.second_factor_at is not None:
        return False
    await Administrator.filter(id=row.id).update(second_factor_at=now)
    await recovery_codes.replace(row.id, hashes)
    await BrowserSession.filter(administrator_id=row.id).exclude(secret_hash=hash_token(this)).delete()
    return True


async def _settle(row: Administrator, now: datetime) -> None:
    """After a second factor was removed: without another one there is none any more.

    Raises:
        InputRefused: ("") this was the last, and the administrator needs one.
    """
    left = await Administrator.exists(id=row.id, totp_sealed__not_isnull=True)
    if left or await Passkey.exists(administrator_id=row.id):
        return
    if await is_required(await powers_of(row.role, now=now)):
        raise InputRefused({"": N_("you need a second factor: add another one before you remove this one")})
    await Administrator.filter(id=row.id).update(second_factor_at=None)
    await RecoveryCode.filter(administrator_id=row.id).delete()


def _checked_name(text: str) -> str:
    try:
        name = visible_line(text)
    except TextRefused as refusal:
        raise InputRefused({"name": refusal.args[0]}) from None
    if not 0 < len(name) <= LONGEST_NAME:
        raise InputRefused({"name": N_("use 1 to %(longest)s characters", longest=LONGEST_NAME)})
    return name
