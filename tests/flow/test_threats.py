"""What an attacker tries at a running installation: reading what it keeps and says, and keeping it busy."""

import asyncio
import base64
import io
import re
import ssl
import sys
from contextlib import AsyncExitStack

import pytest

from otae import words
from otae.rehearsal.connection import MacConnection
from otae.rehearsal.safari import Safari
from otae.store.models import Device, Enrollment
from otae.web import middleware, request_timeouts
from tests.flow.conftest import ON_BOTH
from tests.flow.house import PASSWORD, House, browse
from tests.flow.visits import recorded, visit
from tests.flow.walks import BEN, LOGIN, see_enrolled_page
from tests.web.dump import dump

pytestmark = pytest.mark.anyio


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Give all that is logged, at the level that tells most."""
    written = io.StringIO()
    monkeypatch.setattr(sys, "stderr", written)
    words.configure_logging("DEBUG")
    return written


# SECURITY: a token in a URL leaks, and so does every other secret that is written down.
@ON_BOTH
@pytest.mark.parametrize("way", ["ota", "profile"])
async def test_no_secret_of_a_whole_way_stands_in_log_or_database(house: House, said: io.StringIO, way: str) -> None:
    secrets = {"password": PASSWORD, "wrong password": "canary of a password", "wrong pin": "48151623"}
    await house.person("ben")
    created = await house.invite("ben", "two_factor", way=way)
    secrets["token"] = (await house.link_from_mail(BEN)).rpartition("=")[2]
    secrets["pin"] = await house.pin_from_mail(BEN)
    async with house.line() as line:
        safari = Safari(line)
        wrong = {"password": secrets["wrong password"], "pin": secrets["wrong pin"]}
        assert (await safari.sign_in(await safari.open(created.url), name="ben", **wrong)).answer.status == 422
        await search(said, secrets)
        download = await browse(house, line, created.url, name="ben", password=PASSWORD, pin=secrets["pin"])
        mac = await house.mac(line)
        await mac.install(download)
        await mac.check_in()
        await see_enrolled_page(house, line)
        secrets |= {f"challenge {n}": one for n, one in enumerate(challenges(line))}
        secrets |= {name: value for name, value in line._client.cookies.items() if value}  # noqa: SLF001 - the jar
    pushed = mac.message("TokenUpdate")["Token"]
    assert isinstance(pushed, bytes)
    secrets |= {"push token": pushed.hex(), "push token in base64": base64.b64encode(pushed).decode()}
    secrets["push token as Python shows it"] = repr(pushed)[2:-1]
    assert sum(name.startswith("challenge") for name in secrets) == (3 if way == "ota" else 1)
    assert "__Host-otae-portal" in secrets
    await house.mail(BEN, "now enrolled")
    await search(said, secrets)


async def search(said: io.StringIO, secrets: dict[str, str]) -> None:
    """Find none of ``secrets`` in all that was said and in all that is kept."""
    kept = "\n".join(row for rows in (await dump()).values() for row in rows)
    log = said.getvalue()
    assert LOGIN in log
    assert BEN in kept
    for name, secret in secrets.items():
        assert secret not in log, name
        assert secret not in kept, name


def challenges(line: MacConnection) -> set[str]:
    """Every challenge that a profile carried: forty hexadecimal digits in a text of their own."""
    profiles = b"".join(message.content for message in line.bodies)
    return {found.decode() for found in re.findall(rb"<string>([0-9a-f]{40})</string>", profiles)}


# SECURITY: SQL in a UDID
@pytest.mark.parametrize(
    ("key", "hostile"),
    [
        ("UDID", "x' OR 1=1--"),
        ("UDID", "'; DROP TABLE device; --"),
        ("UDID", "A" * 10_000),
        ("UDID", "AAAA\nBBBB-1111"),
        ("UDID", "../../etc/passwd"),
        ("UDID", "<script>alert(1)</script>"),
        ("UDID", "{{7*7}}"),
        ("UDID", "%s%n%x"),
        ("UDID", ""),
        ("UDID", 7),
        ("UDID", ["A"]),
        ("SerialNumber", "' OR ''='"),
        ("SerialNumber", "S" * 300),
        ("Topic", "com.apple.mgmt' --"),
        ("MessageType", "Authenticate' OR 1=1"),
    ],
)
async def test_what_a_mac_calls_itself_is_refused_out_of_form(house: House, key: str, hostile: object) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        message = ben.mac.message("Authenticate", **{key: hostile})
        answer = await ben.mac.put_checkin(message, name="x")
        assert (answer.status, answer.code) == (400, "checkin-unreadable" if key != "Topic" else answer.code)
        assert answer.content_type == "text/plain"
        assert str(hostile)[:8].encode() not in answer.content or not hostile
        assert await Device.all().count() == 0
        await recorded(house, answer.code)
        await ben.mac.check_in()
    assert await Enrollment.filter(status="enrolled").count() == 1


# SECURITY: many slow callers, many costly ones
async def slow_caller(house: House, context: ssl.SSLContext, words: bytes) -> asyncio.StreamWriter:
    port = house.desk.settings.public_port
    _reader, writer = await asyncio.open_connection("localhost", port, ssl=context, server_hostname="localhost")
    writer.write(words)
    await writer.drain()
    return writer


async def test_two_hundred_slow_callers_keep_nobody_waiting(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        request_timeouts, "HEAD_SECONDS", 600
    )  # all of them are still there when the others are answered
    monkeypatch.setattr(middleware, "BODY_SECONDS", 600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    head = b"POST /zdm/macos/otae/login HTTP/1.1\r\nHost: localhost\r\n"
    body = b"PUT /mdm/checkin HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n<"
    callers = [await slow_caller(house, context, head if number % 2 else body) for number in range(200)]
    try:
        async with house.line() as line:
            for path in ("/healthz", "/readyz", LOGIN):
                assert (await line.request("GET", house.url + path, name="x")).status == 200
        assert not any(caller.is_closing() for caller in callers)
    finally:
        for caller in callers:
            caller.transport.abort()


async def test_a_flood_of_sign_ins_leaves_the_pages_alive(house: House) -> None:
    await house.person("ben")
    async with AsyncExitStack() as lines:
        line, *others = [await lines.enter_async_context(house.line()) for _ in range(13)]
        floods = [Safari(other) for other in others]
        page = await floods[0].open(house.url + LOGIN)

        async def guess(number: int, flood: Safari) -> int:
            return (await flood.sign_in(page, name=f"nobody{number}", password="x", pin="12345678")).answer.status

        guesses = [asyncio.create_task(guess(number, flood)) for number, flood in enumerate(floods)]
        await asyncio.sleep(0.05)
        for path in ("/healthz", "/readyz", LOGIN):
            assert (await line.request("GET", house.url + path, name="x")).status == 200
        assert not all(one.done() for one in guesses), "answered while they wait for their hashes"
        assert set(await asyncio.gather(*guesses)) == {422}
