"""What every request passes: who asks, what is logged, how long a body may take, what a mistake of ours looks like."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.types import Message, Scope

from otae.app import make_app
from otae.enrollment import ota
from otae.paths import INVITATION_LINK, LOGIN
from otae.store.desk import Desk
from otae.store.models import Counter
from otae.web import middleware
from otae.web.client_address import browser_of, client_address, network_of
from tests.desks import make_settings
from tests.web.conftest import PASSWORD, Browser, Invite, Site

pytestmark = pytest.mark.anyio


def scope(peer: str, *forwarded: str) -> Scope:
    headers = [(b"x-forwarded-for", entry.encode()) for entry in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, [], "192.0.2.1"),
        (0, ["6.6.6.6"], "192.0.2.1"),
        (1, ["6.6.6.6, 203.0.113.9"], "203.0.113.9"),
        (1, ["6.6.6.6", "203.0.113.9"], "203.0.113.9"),
        (2, ["6.6.6.6, 203.0.113.9, 198.51.100.1"], "203.0.113.9"),
        (2, ["203.0.113.9"], "203.0.113.9"),
        (1, [], "192.0.2.1"),
        (1, ["nonsense"], "0.0.0.0"),
        (1, ["::ffff:203.0.113.9"], "203.0.113.9"),
        (1, ["fe80::1%eth0"], "fe80::1"),
        (1, ["203.0.113.9:52122"], "203.0.113.9"),
        (1, ["6.6.6.6:1, 203.0.113.9:52122"], "203.0.113.9"),
        (1, ["[2001:db8::9]:443"], "2001:db8::9"),
        (1, ["[2001:db8::9]"], "2001:db8::9"),
        (1, ['"203.0.113.9"'], "203.0.113.9"),
        (1, ['"[2001:db8::9]:443"'], "2001:db8::9"),
        (1, ['6.6.6.6, "203.0.113.9:80" '], "203.0.113.9"),
        (1, ["203.0.113.9,"], "203.0.113.9"),
        (1, ["203.0.113.9, ", ", "], "203.0.113.9"),
        (2, ["203.0.113.9, 198.51.100.1:80,"], "203.0.113.9"),
        (1, ["[::ffff:203.0.113.9]:443"], "203.0.113.9"),
        (1, ["[fe80::1%25eth0]:443"], "fe80::1"),
        (1, [",,"], "192.0.2.1"),
        (1, ["unknown"], "0.0.0.0"),
        (1, ["203.0.113.9:"], "203.0.113.9"),
    ],
)
async def test_only_what_trusted_proxies_wrote_is_believed(hops: int, forwarded: list[str], address: str) -> None:
    assert client_address(scope("192.0.2.1", *forwarded), hops) == address


@pytest.mark.parametrize("written", ["%s:52122", '"%s"', "%s,", "::ffff:%s", "[::ffff:%s]:443"])
async def test_behind_a_proxy_each_network_has_tries_of_its_own_however_it_writes_addresses(
    site: Site, desk: Desk, written: str
) -> None:
    behind = Desk(desk.settings.model_copy(update={"hops": 1}), desk.vault, desk.bell)
    transport = httpx2.ASGITransport(make_app(behind), client=("192.0.2.1", 1))
    guess = {"name": "nobody", "password": "a wrong one"}
    async with Browser(transport=transport, base_url=site.origin, headers=site.client.headers) as browser:
        codes = {
            address: [
                (await browser.post(LOGIN, data=guess, headers={"X-Forwarded-For": written % address})).status_code
                for _ in range(times)
            ]
            for address, times in (("203.0.113.9", 4), ("198.51.100.7", 1))
        }
    assert codes["203.0.113.9"][:3] == [422] * 3
    assert codes["198.51.100.7"] == [422]
    networks = {row.network for row in await Counter.exclude(network=None)}
    assert networks == {"203.0.113.0/24", "198.51.100.0/24"}


async def test_failures_are_counted_for_networks() -> None:
    assert network_of("203.0.113.9") == "203.0.113.0/24"
    assert network_of("2001:db8:1:2:3::4") == "2001:db8:1:2::/64"


async def test_browsers_are_called_by_their_names() -> None:
    assert browser_of("Mozilla/5.0 (Windows NT 10.0) Chrome/130 Safari/537 Edg/130") == "Edge on Windows"
    assert browser_of("curl/8") == "a browser"


async def test_no_log_line_holds_a_token_a_password_a_pin_or_a_whole_address(
    site: Site, invite: Invite, capsys: pytest.CaptureFixture[str]
) -> None:
    made = await invite("two_factor")
    assert made.pin
    await site.client.get(f"{INVITATION_LINK}?e={made.token}")
    await site.client.get(f"{LOGIN}?e={made.token}")
    wrong = {"name": "ben", "password": "canary-password", "pin": "48151623"}
    assert (await site.client.post(LOGIN, data=wrong)).status_code == 422
    right = {"name": "ben", "password": PASSWORD, "pin": made.pin}
    assert (await site.client.post(LOGIN, data=right)).status_code == 303
    logged = "".join(capsys.readouterr())
    assert logged.count("event='request'") == 5
    cookies = [cookie.value or "" for cookie in site.client.cookies.jar]
    for secret in (made.token, made.pin, PASSWORD, *wrong.values(), *cookies, "203.0.113.9"):
        assert secret == "ben" or secret not in logged


async def test_a_body_that_drips_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "BODY_SECONDS", 0.05)

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.02)

    answer = await site.client.put("/mdm/checkin", content=drip())
    assert answer.status_code == 408


async def test_a_mistake_of_ours_leaks_nothing_and_gives_a_support_code(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def mistaken(*args: object, **kwargs: object) -> bytes:
        raise RuntimeError("inner detail")

    monkeypatch.setattr(ota, "answer", mistaken)
    answer = await site.client.post("/zdm/macos/otae/device", content=b"x")
    assert answer.status_code == 500
    assert "detail" not in answer.text
    assert "Traceback" not in answer.text
    code = answer.text.rpartition("(")[2].rstrip(")\n")
    assert len(code) == 5
    assert code in "".join(capsys.readouterr())
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_length_that_is_none_is_refused(site: Site) -> None:
    for length in ("-1", "1e3", "9" * 40):
        answer = await site.client.post("/scep", content=b"x", headers={"Content-Length": length})
        assert answer.status_code in {400, 413}


async def test_only_a_public_installation_binds_browsers_to_tls(site: Site, desk: Desk, tmp_path: Path) -> None:
    assert "strict-transport-security" not in (await site.client.get("/healthz")).headers
    public = Desk(make_settings(tmp_path, PUBLIC_URL="https://mdm.example.test"), desk.vault, desk.bell)
    transport = httpx2.ASGITransport(make_app(public))
    async with httpx2.AsyncClient(transport=transport, base_url=public.settings.public_url) as client:
        assert "max-age" in (await client.get("/healthz")).headers["strict-transport-security"]


async def test_without_a_push_certificate_only_a_trial_enrolls(
    site: Site, desk: Desk, tmp_path: Path, invite: Invite
) -> None:
    assert (await site.client.get(LOGIN)).status_code == 200
    public = Desk(make_settings(tmp_path, PUBLIC_URL="https://mdm.example.test"), desk.vault, desk.bell)
    transport = httpx2.ASGITransport(make_app(public))
    async with httpx2.AsyncClient(transport=transport, base_url=public.settings.public_url) as client:
        answer = await client.get(LOGIN)
    assert answer.status_code == 503
    assert "not ready yet" in answer.text


async def test_a_caller_who_leaves_is_no_mistake_of_ours(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    sent: list[Message] = []
    headers = [(b"host", b"localhost:8443")]
    asked: Scope = {"type": "http", "method": "PUT", "path": "/mdm/checkin", "raw_path": b"/mdm/checkin"}
    asked.update({"query_string": b"", "root_path": "", "headers": headers, "client": ("203.0.113.9", 1)})

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await site.app(asked, receive, send)
    assert sent == []
    assert "unforeseen" not in "".join(capsys.readouterr())
