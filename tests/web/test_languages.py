"""Every page speaks the language it is asked for: no text is shown that was not translated."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from otae import paths, words
from otae.accounts.permissions import PERMISSIONS
from otae.accounts.roles import BUILT_IN
from otae.delivery.texts.default_texts import DEFAULT_NAMES, default_wording
from otae.delivery.texts.languages import LANGUAGES
from otae.invitations import self_made
from otae.invitations.mode_values import ModeValues, set_values
from otae.store import database, properties
from otae.store.mode_table import MODES
from otae.store.models import Invitation, Person
from otae.store.states import InvitationStatus
from otae.translatable import N_, NN_
from tests import messages
from tests.store.furnish import furnish
from tests.web import pseudo
from tests.web.conftest import PASSWORD, Invite, Site
from tests.web.dump import dump
from tests.web.test_offers import ROUTES, address

pytestmark = pytest.mark.anyio

#: Pages of a route whose parameter is a name.
NAMED = {
    "/admin/docs/{name:path}": ["operations"],
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


@pytest.mark.slow
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
    await look_at_own_page(site, look, **speaking)
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


async def look_at_own_page(site: Site, look: Callable[..., Awaitable[str]], **speaking: str) -> None:
    """Look at the self-service page, signed out and in, before and after its forms."""
    now, me = await database.now(), paths.ME
    async with site.stranger(**speaking) as ben:
        await look(ben, me)
        await look(ben, paths.ME_SIGN_IN(ended=1))
        await look(ben, paths.ME_SIGN_IN(again=1))
        await look(ben, paths.ME_SIGN_IN, name="ben", password="")
        assert await look(ben, paths.ME_SIGN_IN, name="ben", password=PASSWORD) == me
        for mode in ("two_factor", "username_pin"):
            await set_values(mode, ModeValues(self_service=True), now=now, actor="ada")
        await look(ben, me)
        for mode in ("two_factor", "username_pin", "username_pin", "none"):
            await look(ben, paths.ME_INVITE, mode=mode)
        row = await Invitation.filter(created_by=self_made.ACTOR).order_by("created_at").first()
        for path in (paths.ME_RESEND, paths.ME_RESEND, paths.ME_WITHDRAW, paths.ME_WITHDRAW, paths.ME_RESEND):
            await look(ben, path(row and row.id), sent="1")
        await properties.write("macos.otae.enable", "false")
        await look(ben, me)
        await properties.write("selfservice.enable", "false")
        await look(ben, me)
        await properties.write("selfservice.enable", "true")
        await properties.write("macos.otae.enable", "true")
        await look(ben, paths.ME_SIGN_OUT, sent="1")


async def page(browser: httpx2.AsyncClient, path: str, accepted: str = "") -> httpx2.Response:
    """Return a page as a browser with these languages gets it."""
    return await browser.get(path, headers={"Accept-Language": accepted} if accepted else {}, follow_redirects=True)


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en;q=0.2, fr-CA;q=0.7, es;q=0.5", "fr"),
        ("sv, es;q=0.1", "es"),
        ("it-CH", "it"),
        ("nl-BE, fr;q=0.5", "nl"),
        ("pt-BR, en;q=0.5", "pt-BR"),
        ("pt-PT, en;q=0.5", "pt-BR"),
        ("pt", "pt-BR"),
        ("ja-JP", "ja"),
        ("sv", "en"),
        ("de;q=0, fr;q=0.1", "fr"),
        ("*", "en"),
        ("\u00e4;q=x,,;", "en"),
        ("", "en"),
    ],
)
async def test_the_portal_speaks_the_language_of_the_browser(site: Site, accepted: str, language: str) -> None:
    async with site.stranger(**({"Accept-Language": accepted.encode()} if accepted else {})) as cleo:
        shown = await cleo.get("/zdm/macos/otae/new-link")
    assert shown.headers["content-language"] == language
    assert shown.headers["vary"] == "Accept-Language"
    assert f'<html lang="{language}" dir="ltr"' in shown.text


async def test_who_wants_no_language_in_particular_gets_the_organizations(site: Site) -> None:
    await properties.write("notification.language", "es-419")
    assert (await page(site.client, "/zdm/macos/otae/new-link")).headers["content-language"] == "es"
    assert (await page(site.client, "/zdm/macos/otae/new-link", "fr")).headers["content-language"] == "fr"
    assert (await page(site.client, "/admin/sign-in")).headers["content-language"] == "en"


async def test_a_known_person_is_spoken_to_in_their_language(site: Site, invite: Invite) -> None:
    created = await invite("username_password")
    await Person.all().update(language="de-CH")
    shown = await page(site.client, f"/zdm/su?e={created.token}", "fr")
    assert (shown.headers["content-language"], "vary" in shown.headers) == ("de", False)
    assert "Anmeldung als" in shown.text
    refused = await site.client.post("/zdm/macos/otae/login", data={"name": "ben", "password": "wrong"})
    assert "Das passte nicht." in refused.text
    await Invitation.all().update(language="es")
    shown = await page(site.client, "/zdm/macos/otae/login", "fr")
    assert shown.headers["content-language"] == "es"
    await site.client.post("/zdm/macos/otae/login", data={"name": "ben", "password": PASSWORD})
    shown = await page(site.client, "/zdm/macos/otae/install", "fr")
    assert "Descargar el perfil" in shown.text
    await Invitation.all().update(status=InvitationStatus.REVOKED)
    assert "Esta invitación se ha retirado" in (await page(site.client, "/zdm/macos/otae/login", "fr")).text


async def test_a_chosen_language_goes_before_all_others_and_leads_back_to_the_page(site: Site, invite: Invite) -> None:
    created = await invite("two_factor")
    await Person.all().update(language="de")
    link = f"/zdm/su?e={created.token}"
    assert (await page(site.client, link, "es")).headers["content-language"] == "de"
    before = f"{site.origin}/zdm/macos/otae/login?ended=1"
    answer = await site.client.post("/zdm/macos/otae/language", data={"language": "fr"}, headers={"Referer": before})
    assert (answer.status_code, answer.headers["location"]) == (303, "/zdm/macos/otae/login?ended=1")
    shown = await page(site.client, link, "es")
    assert (shown.headers["content-language"], "vary" in shown.headers) == ("fr", False)
    assert 'value="fr" lang="fr" aria-current="true"' in shown.text
    assert (await page(site.client, "/admin/sign-in", "de")).headers["content-language"] == "de"


@pytest.mark.parametrize(
    "before",
    [
        "",
        "nothing",
        "https://evil.example/zdm/macos/otae/login",
        "https://mdm.example.test.evil.example/zdm/",
        "{origin}/admin",
        "{origin}//evil.example/zdm/",
        "{origin}/\\evil.example",
        "{origin}",
        "http://[",
    ],
)
async def test_the_choice_of_a_language_leads_nowhere_else(site: Site, before: str) -> None:
    for language in ("xx", "de"):
        answer = await site.client.post(
            "/zdm/macos/otae/language",
            data={"language": language},
            headers={"Referer": before.replace("{origin}", site.origin)},
        )
        assert answer.headers["location"].partition("?")[0] == "/zdm/macos/otae/login"
        assert ("__Host-otae-language" in answer.headers.get("set-cookie", "")) is (language == "de")
    assert (await site.client.post("/zdm/macos/otae/language")).status_code == 303


async def test_a_language_that_is_not_there_changes_nothing(site: Site, invite: Invite) -> None:
    created = await invite("username_password")
    await Person.all().update(language="fi")
    assert (await page(site.client, f"/zdm/su?e={created.token}", "fr")).headers["content-language"] == "fr"


async def test_the_console_speaks_the_languages_it_is_complete_in(site: Site) -> None:
    for accepted, language in (("de-AT", "de"), ("fr", "en")):
        shown = await page(site.client, "/admin/sign-in", accepted)
        assert (shown.headers["content-language"], shown.headers["vary"]) == (language, "Accept-Language")


async def test_a_console_that_falls_back_to_english_is_english_all_through(site: Site) -> None:
    english = (await page(site.client, "/admin/sign-in", "en")).text
    for tag in sorted(set(words.PEOPLE_LANGUAGES) - set(words.CONSOLE_LANGUAGES)):
        assert (await page(site.client, "/admin/sign-in", tag)).text == english


async def test_macs_are_answered_in_english(site: Site) -> None:
    answer = await site.client.put("/mdm/checkin", content=b"<", headers={"Accept-Language": "de"})
    assert "could not be read" in answer.text or "recognised" in answer.text
    assert "content-language" not in answer.headers


async def test_a_script_from_the_right_is_shown_from_the_right(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    pseudo.speak(monkeypatch)
    for path in ("/zdm/macos/otae/new-link", "/admin/sign-in", "/zdm/nowhere"):
        shown = await page(site.client, path, pseudo.FROM_THE_RIGHT)
        assert f'<html lang="{pseudo.FROM_THE_RIGHT}" dir="rtl"' in shown.text


async def test_a_refused_form_keeps_its_language(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await furnish(site.desk)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": "four quiet words here"})
    pseudo.speak(monkeypatch)
    speaking = {"Accept-Language": pseudo.TAG}
    refused = await site.client.post("/admin/groups", data={"name": "a..b"}, headers=speaking)
    assert refused.headers["content-language"] == pseudo.TAG
    assert "[!dots stand between a group and its sub-group: group.sub!]" in refused.text


async def test_requests_at_the_same_time_keep_their_languages_apart(site: Site) -> None:
    wanted = ["de", "fr", "es", "en"] * 3
    shown = await asyncio.gather(*(page(site.client, "/zdm/macos/otae/new-link", tag) for tag in wanted))
    assert [each.headers["content-language"] for each in shown] == wanted
    assert words.language() == "en"


@pytest.mark.parametrize(
    ("tag", "moment", "count", "ago"),
    [
        ("en", "2026-12-24 18:00:00 UTC", "9\u202f999", "2 h ago"),
        ("de", "24.12.2026, 18:00:00 UTC", "9.999", "vor 2 h"),
        ("fr", "24 déc. 2026, 18:00:00 UTC", "9\u202f999", "il y a 2 h"),
        ("it", "24 dic 2026, 18:00:00 UTC", "9.999", "2 h fa"),
        ("nl", "24 dec 2026, 18:00:00 UTC", "9.999", "2 u geleden"),
        ("pt-BR", "24 de dez. de 2026 18:00:00 UTC", "9.999", "há 2 h"),
        ("ja", "2026/12/24 18:00:00 UTC", "9,999", "2時間前"),
    ],
)
def test_times_and_counts_are_written_as_the_language_writes_them(tag: str, moment: str, count: str, ago: str) -> None:
    at = datetime(2026, 12, 24, 18, tzinfo=UTC)
    with words.in_language(tag):
        assert words.exact(at) == moment
        assert words.tally(9999) == count
        assert words.relative(at, at + timedelta(hours=2)) == ago


def test_a_marked_text_is_english_until_it_is_shown() -> None:
    text = N_("%(reason)s: %(hint)s", reason=N_("just now"), hint="100 %")
    assert (text, json.dumps(text)) == ("just now: 100 %", '"just now: 100 %"')
    with words.in_language("fr"):
        assert words.translated(text) == "à l’instant : 100 %"
        assert words.translated("just now") == "just now", "a name is no text of ours"
        assert words.gettext("") == ""
    assert [NN_("%(num)d day left", "%(num)d days left", days) for days in (1, 2)] == ["1 day left", "2 days left"]
