"""Every page speaks the language it is asked for: no text is shown that was not translated."""

import re
from datetime import datetime

import httpx2
import pytest

from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import BUILT_IN
from otae.delivery.texts.default_texts import DEFAULT_NAMES, default_wording
from otae.delivery.texts.languages import LANGUAGES
from otae.store import properties
from otae.store.mode_table import MODES
from otae.store.models import Invitation
from otae.store.states import InvitationStatus
from tests import messages
from tests.store.furnish import furnish
from tests.web import pseudo
from tests.web.conftest import PASSWORD, Invite, Site
from tests.web.dump import dump
from tests.web.test_offers import ROUTES, address

pytestmark = pytest.mark.anyio

#: Pages of a route whose parameter is a name.
NAMED = {
    "/admin/enrollment-modes/{name}": ["two_factor", "username_password"],
    "/admin/notification-servers/sms/add/{gateway}": ["twilio", "vonage", "clickatell", "bulksms", "generic"],
    "/admin/properties/{name}": [row.name for row in properties.PROPERTIES],
    "/admin/roles/built-in/{name}": ["ADMIN", "SUPPORT"],
    "/admin/users/export/{kind}": [],
}
#: What stands for itself in every language: names of languages, roles and permissions, values of properties.
NAMES = {
    *(piece for name in LANGUAGES.values() for piece in pseudo.pieces(name)),
    *LANGUAGES,
    *BUILT_IN,
    *PERMISSIONS,
    *(str(row.default).lower() for row in properties.PROPERTIES),
    "otae",
    "true",
}
#: Times, addresses, identifiers, fingerprints, macros, and the subjects of messages, whose language is their own.
DATA = re.compile(
    r"(?:[\d\s.:/+-]|UTC)*|\d+ \w+\.? \d{4} [\d:]+ UTC|[0-9A-Fa-f -]+|\S+[@.]\S+|\$\{.*|from [\d./:]+|"
    + "|".join(
        re.sub(r"\\\$\\\{.*?\\\}", ".*", re.escape(piece))
        for kind in DEFAULT_NAMES
        for piece in pseudo.pieces(default_wording(kind).subject)
    )
)


async def data() -> set[str]:
    """Return every value that the database holds, and the parts of those that are lists."""
    held = set[str]()
    for rows in (await dump()).values():
        for row in rows:
            values = {*re.findall(r"'((?:[^'\\]|\\.)+)'", row), *re.findall(r'"((?:[^"\\]|\\.)+)"', row)}
            held |= values | {piece for value in values for piece in pseudo.pieces(value)}
    return held


def ours(page: str, held: set[str]) -> set[str]:
    """Return the texts of a page that are neither translated nor data."""
    left = {piece for text in pseudo.untranslated(page) for piece in pseudo.pieces(text)}
    return {piece for piece in left if piece not in held | NAMES and not DATA.fullmatch(piece)}


async def test_no_page_of_the_console_shows_a_text_that_is_not_translated(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(site.desk)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    looked_up = pseudo.speak(monkeypatch)
    site.client.headers["Accept-Language"] = pseudo.TAG
    held, left = await data(), dict[str, set[str]]()
    for route in ROUTES:
        for where in [await address(route), *(re.sub(r"\{.*", name, route.path) for name in NAMED.get(route.path, []))]:
            answer = await site.client.get(where, follow_redirects=True)
            if (
                "text/html" in answer.headers.get("content-type", "")
                and "sandbox" not in answer.headers["content-security-policy"]
            ):
                assert answer.headers["content-language"] == pseudo.TAG, where
                left[where] = ours(answer.text, held)
    assert len(left) > 80
    missed = {where: texts for where, texts in left.items() if texts}
    assert not missed, "\n".join(f"{where}: {sorted(texts)}" for where, texts in missed.items())
    check_marked(looked_up)


def check_marked(looked_up: set[str]) -> None:
    """Check that what pages look up is what the catalogs hold."""
    known = messages.extracted()
    held = {
        text for each in (*known["people"], *known["console"]) for text in ([each] if isinstance(each, str) else each)
    }
    missing = sorted(looked_up - held)
    assert not missing


async def test_no_page_of_the_portal_shows_a_text_that_is_not_translated(
    site: Site, invite: Invite, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {mode.name: await invite(mode.name) for mode in MODES.values() if mode.enabled}
    looked_up = pseudo.speak(monkeypatch)
    left = dict[str, set[str]]()

    async def look(browser: httpx2.AsyncClient, path: str, **form: str) -> str:
        method = "POST" if form else "GET"
        answer = await browser.request(method, path, data=form or None, follow_redirects=True)
        assert 'dir="ltr"' in answer.text, path
        assert answer.headers["content-language"] == pseudo.TAG
        left[f"{path} {form}"] = ours(answer.text, await data())
        return answer.url.path

    speaking = {"Accept-Language": pseudo.TAG, "Sec-Fetch-Site": "same-origin"}
    for name, created in made.items():
        async with site.stranger(**speaking) as ben:
            await look(ben, f"/zdm/su?e={created.token}")
            shown = await look(ben, "/zdm/macos/otae/login", name="ben", password=PASSWORD, pin=created.pin or "")
            assert shown == "/zdm/macos/otae/install", name
            await look(ben, "/zdm/macos/otae/login", name="ben", password="wrong", pin="123")
    async with site.stranger(**speaking) as cleo:
        for path in (
            "login",
            "login?ended=1",
            "new-link",
            "password?s=x",
            "password?done=1",
            "nowhere",
            "login?e=ep-x",
        ):
            await look(cleo, f"/zdm/macos/otae/{path}")
        await look(cleo, "/zdm/macos/otae/login", name="", password="")
        for status, page in ((InvitationStatus.EXPIRED, "login"), (InvitationStatus.REVOKED, "login")):
            await Invitation.all().update(status=status)
            await look(cleo, f"/zdm/su?e={next(iter(made.values())).token}&{page}")
    missed = {where: texts for where, texts in left.items() if texts}
    assert not missed, "\n".join(f"{where}: {sorted(texts)}" for where, texts in missed.items())
    check_marked(looked_up)
