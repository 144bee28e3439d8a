"""What somebody holds who has stolen the database and no master key: no secret that works, of any kind there is."""

import base64
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pyotp
import pytest

from otae.accounts import (
    administrators,
    browsers,
    kept_texts,
    notice_addresses,
    password_links,
    second_factors,
    totp,
)
from otae.authority import issuers
from otae.delivery.connection_test import enqueue_test
from otae.delivery.servers import ServerEntry, add_server
from otae.delivery.sms.servers import SmsEntry, add_sms_server
from otae.directory.ldap import servers
from otae.directory.ldap.servers import DirectoryEntry
from otae.enrollment import sessions
from otae.settings import Settings
from otae.signing.certificates import dump_key
from otae.store import database
from otae.store.desk import Desk, SilentBell
from otae.store.models import Notice, NoticeReceipt, Person, ServerRefusal
from otae.store.sealed import COLUMNS
from tests.desks import opened
from tests.store.furnish import furnish
from tests.web.dump import dump

pytestmark = pytest.mark.anyio

OURS: tuple[issuers.Purpose, ...] = ("root", "device-ca", "service-ca", "ra", "profile-signer", "tls")


async def used(desk: Desk) -> dict[str, str | bytes]:
    """Let every way in and every system beside us leave its secret, through the doors people use; return them all."""
    now, house = await database.now(), await furnish(desk)
    secrets: dict[str, str | bytes] = {
        "invitation token": house.begun.token,
        "waiting invitation's token": house.waiting.token,
        "PIN": house.begun.pin or "",
        "waiting PIN": house.waiting.pin or "",
        "OTA challenge": house.challenge,
        "setup link": house.setup_link.rpartition("=")[2],
        "administrator's password": "five quiet words right here",
        "mail server's password": "canary of a mail server",
        "SMS gateway's secret": "canary-of-a-gateway",
        "bind password": "canary of a bind",
    }
    until = now + timedelta(minutes=15)
    for purpose in (sessions.OTA_IDENTITY, sessions.MDM_IDENTITY, sessions.RENEWAL):
        secrets[purpose] = await sessions.mint_challenge(house.session, purpose, now=now, expires_at=until)
    given = {"name": "grace", "password": str(secrets["administrator's password"])}
    grace = await administrators.create_administrator(desk, **given, now=now, actor="ada")
    secrets["console cookie"] = await browsers.open_browser(browsers.CONSOLE, grace, now=now)
    key = totp.new_key()
    code, this = pyotp.TOTP(key).at(now), str(secrets["console cookie"])
    codes = await second_factors.add_app(desk, grace.id, key, code, this=this, now=now)
    secrets |= {"key of an app": key, "recovery code": codes[0], "the same": codes[0].replace("-", "")}
    secrets["portal cookie"] = await browsers.open_browser(browsers.PORTAL, house.session, now=now)
    secrets["page of a refused form"] = "canary on a refused page"
    page = str(secrets["page of a refused form"])
    await kept_texts.keep(desk, str(secrets["console cookie"]), "otae test", page, until=until)
    link = await password_links.make(desk, await Person.get(name="cleo"), now=now, actor="ada")
    secrets["password link"] = link.rpartition("/")[2].rpartition("=")[2]
    for address in ("grace@example.test", ""):
        await notice_addresses.set_address(desk, "grace", address, now=now, actor="ada")
    notice = await Notice.create(key="silent:x", kind="silent", at=now)
    await NoticeReceipt(notice=notice, administrator=grace, due_at=now).save(force_create=True)
    await _systems_beside(desk, {name: str(secret) for name, secret in secrets.items()})
    for held in OURS:
        secrets[f"key of {held}"] = dump_key((await issuers.keyed(desk, held)).key)
    return secrets


async def _systems_beside(desk: Desk, secrets: Mapping[str, str]) -> None:
    now = await database.now()
    mail = ServerEntry(
        name="Mail",
        host="mail.example.test",
        security="tls",
        username="it",
        password=secrets["mail server's password"],
        from_name="IT",
        from_email="it@example.test",
    )
    server = await add_server(desk, mail, now=now, actor="ada")
    await enqueue_test(desk, server, "a@example.test", now=now, actor="ada")
    refusal = ServerRefusal(server=server, domain="", likeness="553", words="553 sender refused", since=now, at=now)
    await refusal.save(force_create=True)
    values = {"api_key": "k", "api_secret": secrets["SMS gateway's secret"], "sender": "IT"}
    await add_sms_server(desk, SmsEntry(name="Texts", gateway="vonage", values=values), now=now, actor="ada")
    directory = DirectoryEntry(
        domain="Example",
        primary_host="ldap.example.test",
        bind_name="cn=desk,dc=test",
        password=secrets["bind password"],
        user_base="ou=people,dc=test",
        group_base="ou=groups,dc=test",
    )
    row = await servers.add_directory(desk, directory, now=now, actor="ada")
    await servers.enqueue_test(desk, row, now=now, actor="ada")


def shapes(secret: str | bytes) -> set[str]:
    """Return how a secret may show in what a row prints: as it is, in hexadecimal digits, and in base64."""
    raw = secret.encode() if isinstance(secret, str) else secret
    plain = {secret} if isinstance(secret, str) else {repr(raw)[2:-1]}
    return plain | {raw.hex(), base64.b64encode(raw).decode().rstrip("="), base64.urlsafe_b64encode(raw).decode()}


@pytest.fixture
async def sqlite_desk(sqlite_settings: Settings, anyio_backend: str) -> AsyncIterator[Desk]:
    """What is sealed and what is hashed does not hang on the database."""
    async with opened(sqlite_settings, SilentBell()) as desk:
        yield desk


async def test_a_dump_of_every_table_holds_no_secret_in_clear(sqlite_desk: Desk) -> None:
    secrets = await used(sqlite_desk)
    kept = await dump()
    assert not [table for table, rows in kept.items() if not rows], "a table that nothing was looked for in"
    text = "\n".join(row for rows in kept.values() for row in rows)
    assert "PRIVATE KEY" not in text
    for name, secret in secrets.items():
        assert len(secret) >= 8, name
        assert not [shape for shape in shapes(secret) if shape in text], name
    for column in COLUMNS:
        for row in await column.table.filter(**{f"{column.column}__isnull": False}):
            clear = sqlite_desk.vault.open(getattr(row, column.column), row.id, column.purpose)
            assert len(clear) < 6 or not [shape for shape in shapes(clear) if shape in text], column
