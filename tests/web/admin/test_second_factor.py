"""Second factors of administrators: set up, asked for, required, lost."""

import html
import re
from datetime import datetime, timedelta

import httpx2
import pyotp
import pytest

from otae.accounts import browsers
from otae.accounts.administrators import create_administrator
from otae.accounts.own_roles import RoleDraft, add_role
from otae.accounts.roles import Grantor
from otae.store import database, properties
from otae.store.models import Administrator, AuditEntry, BrowserSession, Passkey, RecoveryCode
from tests.authenticator import Authenticator
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio

OWN = "/admin/account/second-factor"
SECOND = "/admin/sign-in/second"
PASSWORD = {"name": "ada", "password": ADA_PASSWORD}


def hidden(page: str, name: str) -> str:
    """Return the value of a page's hidden field."""
    found = re.search(rf'<input[^>]*name="{name}"[^>]*value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


def options(page: str) -> str:
    """Return what a page asks the browser's passkeys for."""
    found = re.search(r'data-options="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def key_of(page: str) -> pyotp.TOTP:
    """Return the app that has scanned the page's key."""
    found = re.search(r"otae-mono otae-wrap[^>]*>([A-Z2-7 ]+)<", page)
    assert found
    return pyotp.TOTP(found[1].replace(" ", ""))


async def step(app: pyotp.TOTP, offset: int = 0) -> str:
    """Return the app's code ``offset`` steps of 30 seconds from now."""
    return app.at((await database.now()) + timedelta(seconds=30 * offset))


async def set_up_app(console: httpx2.AsyncClient) -> tuple[pyotp.TOTP, list[str]]:
    """Set up an app, whose code of the step before now is used; return it with the recovery codes."""
    page = (await console.get(f"{OWN}/app")).text
    app = key_of(page)
    answer = await console.post(f"{OWN}/app", data={"key": hidden(page, "key"), "code": await step(app, -1)})
    assert answer.status_code == 200
    return app, re.findall(r"<li>([A-Z2-9]{4}-[A-Z2-9]{4}-[A-Z2-9]{4})</li>", answer.text)


async def set_up_passkey(console: httpx2.AsyncClient, key: Authenticator, name: str = "a key") -> httpx2.Response:
    page = (await console.get(f"{OWN}/passkeys")).text
    sent = {"name": name, "credential": key.create(options(page)), "challenge": hidden(page, "challenge")}
    return await console.post(f"{OWN}/passkeys", data=sent)


async def enter_password(site: Site) -> httpx2.AsyncClient:
    """Enter Ada's password in a new browser, which is then asked for the second factor."""
    browser = site.stranger(Origin=site.origin)
    answer = await browser.post("/admin/sign-in", data=PASSWORD)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, SECOND)
    assert (await browser.get("/admin")).headers["location"] == "/admin/sign-in", "nobody is signed in yet"
    return browser


async def test_the_code_of_an_app_is_asked_for_after_the_password(site: Site, console: httpx2.AsyncClient) -> None:
    other = site.stranger(Origin=site.origin)
    await other.post("/admin/sign-in", data=PASSWORD)
    assert "None yet" in (await console.get("/admin/account")).text
    app, codes = await set_up_app(console)
    assert len(set(codes)) == 10
    assert (await other.get("/admin")).status_code == 303, "browsers that proved nothing are signed out"
    assert (await console.get("/admin")).status_code == 200
    browser = await enter_password(site)
    page = await browser.get(SECOND)
    assert "The six digits" in page.text
    wrong = await browser.post(SECOND, data={"code": "000000"})
    assert (wrong.status_code, "a code counts once" in wrong.text) == (422, True)
    assert (await browser.post(SECOND, data={"code": ""})).status_code == 422
    answer = await browser.post(f"{SECOND}?next=/admin/users", data={"code": await step(app)})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/users")
    assert (await browser.get("/admin")).status_code == 200
    entries = await AuditEntry.filter(subject="ada", actor="ada").order_by("id")
    assert [each.action for each in entries[-5:]] == [
        "administrator.signed-in",
        "administrator.second-factor-added",
        "administrator.password-accepted",
        "administrator.second-factor-failed",
        "administrator.signed-in",
    ]
    for each in (other, browser):
        await each.aclose()


async def test_codes_and_recovery_codes_count_once(site: Site, console: httpx2.AsyncClient) -> None:
    app, codes = await set_up_app(console)
    code = await step(app)
    for entered, expected in ((code, 303), (code, 422), (codes[0].lower().replace("-", " "), 303), (codes[0], 422)):
        browser = await enter_password(site)
        assert (await browser.post(SECOND, data={"code": entered})).status_code == expected
        await browser.aclose()
    assert "9 recovery codes are left" in (await console.get("/admin/account")).text


async def test_the_clock_of_a_phone_may_be_a_step_off(site: Site, console: httpx2.AsyncClient) -> None:
    app, _codes = await set_up_app(console)
    for offset, expected in ((3, 422), (-3, 422), (1, 303)):
        browser = await enter_password(site)
        assert (await browser.post(SECOND, data={"code": await step(app, offset)})).status_code == expected
        await browser.aclose()


async def test_a_passkey_signs_in_alone_and_after_the_password(site: Site, console: httpx2.AsyncClient) -> None:
    assert "data-passkey" not in (await site.stranger().get("/admin/sign-in")).text, "there is no passkey yet"
    key = Authenticator(site.origin)
    answer = await set_up_passkey(console, key, "MacBook")
    assert (answer.status_code, "Your recovery codes" in answer.text) == (200, True)
    assert "MacBook" in (await console.get(OWN)).text
    browser = site.stranger(Origin=site.origin)
    page = (await browser.get("/admin/sign-in?next=/admin/users")).text
    assert 'action="/admin/sign-in/passkey?next=%2Fadmin%2Fusers"' in page
    sent = {"credential": key.get(options(page)), "challenge": hidden(page, "challenge")}
    answer = await browser.post("/admin/sign-in/passkey?next=/admin/users", data=sent)
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/users")
    assert (await browser.get("/admin")).status_code == 200
    replayed = site.stranger(Origin=site.origin)
    answer = await replayed.post("/admin/sign-in/passkey", data=sent)
    assert (answer.status_code, "not known here" in answer.text) == (422, True)
    second = await enter_password(site)
    page = (await second.get(SECOND)).text
    sent = {"credential": key.get(options(page)), "challenge": hidden(page, "challenge"), "code": ""}
    assert (await second.post(SECOND, data=sent)).status_code == 303
    assert (await second.get("/admin")).status_code == 200
    entries = await AuditEntry.filter(action="administrator.signed-in").order_by("id")
    assert [each.detail.partition("with ")[2] for each in entries[-2:]] == ["passkey MacBook", "passkey MacBook"]
    for each in (browser, replayed, second):
        await each.aclose()


@pytest.mark.parametrize(
    "passkey",
    [
        Authenticator("https://console.example.evil"),
        Authenticator(rp_id="example.evil"),
        Authenticator(flags=0x01),
        Authenticator("http://localhost:8443"),
    ],
    ids=["origin", "rp", "unverified", "plain"],
)
async def test_a_passkey_of_another_origin_or_of_nobody_in_particular_is_refused(
    site: Site, console: httpx2.AsyncClient, passkey: Authenticator
) -> None:
    answer = await set_up_passkey(console, passkey)
    assert (answer.status_code, "could not be taken" in answer.text) == (422, True)
    good = Authenticator(site.origin)
    await set_up_passkey(console, good)
    passkey.key, passkey.credential_id, passkey.user, passkey.count = good.key, good.credential_id, good.user, 50
    browser = site.stranger(Origin=site.origin)
    page = (await browser.get("/admin/sign-in")).text
    sent = {"credential": passkey.get(options(page)), "challenge": hidden(page, "challenge")}
    assert (await browser.post("/admin/sign-in/passkey", data=sent)).status_code == 422
    assert (await browser.get("/admin")).status_code == 303
    await browser.aclose()


@pytest.mark.parametrize(
    "credential",
    ["", "no json", "[]", "{}", '{"id": 1}', "9" * 5000, '{"id":"AQ","rawId":"AQ","type":"public-key","response":{}}',
     '{"id":"AQ","rawId":"AQ","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}',
     '{"id":"AQ","rawId":"AQ","type":"public-key","response":{"clientDataJSON":"e30","attestationObject":"oA"}}',
     "[" * 3000],
)  # fmt: skip
async def test_what_is_no_passkey_is_one_clear_answer(site: Site, console: httpx2.AsyncClient, credential: str) -> None:
    await set_up_passkey(console, Authenticator(site.origin))
    page = (await console.get(f"{OWN}/passkeys")).text
    sent = {"name": "x", "credential": credential, "challenge": hidden(page, "challenge")}
    assert (await console.post(f"{OWN}/passkeys", data=sent)).status_code == 422
    browser = site.stranger(Origin=site.origin)
    page = (await browser.get("/admin/sign-in")).text
    sent = {"credential": credential, "challenge": hidden(page, "challenge")}
    assert (await browser.post("/admin/sign-in/passkey", data=sent)).status_code == 422
    for challenge in ("", "x", "é", "A" * 900):
        answer = await browser.post("/admin/sign-in/passkey", data={"credential": "{}", "challenge": challenge})
        assert answer.status_code == 422
    await browser.aclose()


async def test_challenges_are_bound_to_their_purpose_and_their_administrator(
    site: Site, console: httpx2.AsyncClient
) -> None:
    key = Authenticator(site.origin)
    await set_up_passkey(console, key)
    second, fresh = await enter_password(site), site.stranger(Origin=site.origin)
    page = (await fresh.get("/admin/sign-in")).text
    sent = {"credential": key.get(options(page)), "challenge": hidden(page, "challenge")}
    assert (await second.post(SECOND, data=sent)).status_code == 422, "made for signing in alone"
    page = (await second.get(SECOND)).text
    sent = {"credential": key.get(options(page)), "challenge": hidden(page, "challenge")}
    assert (await fresh.post("/admin/sign-in/passkey", data=sent)).status_code == 422, "made for a second step"
    for each in (second, fresh):
        await each.aclose()


async def test_a_copied_passkey_is_noticed_by_its_counter(site: Site, console: httpx2.AsyncClient) -> None:
    key = Authenticator(site.origin)
    await set_up_passkey(console, key)
    for count, expected in ((5, 303), (3, 422), (6, 303)):
        key.count = count
        browser = site.stranger(Origin=site.origin)
        page = (await browser.get("/admin/sign-in")).text
        sent = {"credential": key.get(options(page)), "challenge": hidden(page, "challenge")}
        assert (await browser.post("/admin/sign-in/passkey", data=sent)).status_code == expected
        await browser.aclose()


async def test_factors_are_removed_but_not_the_last_that_is_needed(site: Site, console: httpx2.AsyncClient) -> None:
    await set_up_app(console)
    answer = await set_up_passkey(console, Authenticator(site.origin))
    assert answer.status_code == 303, "recovery codes are made once"
    await properties.write("console.second.factor", "ADMIN")
    assert (await console.post(f"{OWN}/app/remove")).status_code == 303
    row = await Passkey.get()
    answer = await console.post(f"{OWN}/passkeys/{row.id}/remove")
    assert "add another one before" in (await console.get(answer.headers["location"])).text
    assert await Passkey.exists()
    await properties.write("console.second.factor", "optional")
    await console.post(f"{OWN}/passkeys/{row.id}/remove")
    assert not await Passkey.exists()
    assert not await RecoveryCode.exists()
    assert (await Administrator.get()).second_factor_at is None
    answer = await console.post(f"{OWN}/recovery-codes")
    assert "Set up a second factor first" in (await console.get(answer.headers["location"])).text


async def test_new_recovery_codes_end_the_earlier_ones(site: Site, console: httpx2.AsyncClient) -> None:
    _app, codes = await set_up_app(console)
    answer = await console.post(f"{OWN}/recovery-codes")
    new = re.findall(r"<li>([A-Z2-9-]{14})</li>", answer.text)
    assert len(new) == 10
    assert 'download="otae-recovery-codes.txt"' in answer.text
    assert new[3] in html.unescape(answer.text).partition("data:text/plain")[2]
    for entered, expected in ((codes[1], 422), (new[1], 303)):
        browser = await enter_password(site)
        assert (await browser.post(SECOND, data={"code": entered})).status_code == expected
        await browser.aclose()


async def test_what_is_needed_is_set_up_before_anything_else(site: Site, console: httpx2.AsyncClient) -> None:
    await properties.write("console.second.factor", "everybody")
    for path in ("/admin", "/admin/account", "/admin/users", "/admin/nowhere", "/admin/administrators"):
        assert (await console.get(path)).headers.get("location") == OWN, path
    refused = await console.post("/admin/account", data={"email": "ada@example.test"})
    assert (refused.status_code, "set it up before anything else" in refused.text) == (403, True)
    page = (await console.get(OWN)).text
    assert "Set one up to go on" in page
    assert "/admin/users" not in page
    await set_up_app(console)
    assert (await console.get("/admin")).status_code == 200


async def test_a_role_may_need_a_second_factor(site: Site, console: httpx2.AsyncClient) -> None:
    now = await database.now()
    draft = RoleDraft(permissions=frozenset({"audit.see"}), second_factor=True)
    await add_role(site.desk, "AUDITOR", draft, by=Grantor("ada"), now=now)
    await create_administrator(site.desk, name="eve", password=ADA_PASSWORD, role="AUDITOR", now=now, actor="ada")
    browser = site.stranger(Origin=site.origin)
    await browser.post("/admin/sign-in", data={"name": "eve", "password": ADA_PASSWORD})
    assert (await browser.get("/admin/audit")).headers["location"] == OWN
    assert (await console.get("/admin")).status_code == 200
    await browser.aclose()


async def test_a_second_factor_is_taken_where_the_password_is_asked_for_again(
    site: Site, console: httpx2.AsyncClient
) -> None:
    app, codes = await set_up_app(console)
    key = Authenticator(site.origin)
    await set_up_passkey(console, key)
    long_ago = (await database.now()) - browsers.PASSWORD_FRESH_FOR

    async def grow_old() -> None:
        await BrowserSession.all().update(created_at=long_ago, second_factor_at=long_ago)

    await grow_old()
    asked = await console.post("/admin/administrators", data={"name": "eve", "role": "SUPPORT"})
    page = (await console.get(asked.headers["location"])).text
    assert 'name="password_again"' in page
    assert 'value="eve"' in page
    sent = {"passkey_again": key.get(options(page)), "challenge_again": hidden(page, "challenge_again")}
    done = await console.post("/admin/administrators", data={"name": "eve", "role": "SUPPORT"} | sent)
    assert "The setup link of eve" in done.text
    await grow_old()
    asked = await console.post(f"{OWN}/recovery-codes")
    page = (await console.get(asked.headers["location"])).text
    assert 'name="password_again"' not in page, "second factors are changed after a second factor"
    for sent, right in (
        ({"password_again": ADA_PASSWORD}, False),
        ({"code_again": codes[0]}, False),
        ({"code_again": await step(app)}, True),
    ):
        answer = await console.post(f"{OWN}/recovery-codes", data=sent)
        assert ("Your recovery codes" in answer.text) == right, sent
    await grow_old()
    answer = await console.post("/admin/confirm?next=/admin/users", data={"password_again": ADA_PASSWORD})
    assert answer.headers["location"] == "/admin/users"
    for query, sent in (("factor=1", {"password_again": ADA_PASSWORD}), ("", {})):
        assert (await console.post(f"/admin/confirm?{query}", data=sent)).status_code == 422


async def test_guesses_wait_as_those_of_passwords_do(site: Site, console: httpx2.AsyncClient) -> None:
    app, _codes = await set_up_app(console)
    browser = await enter_password(site)
    seen = [(await browser.post(SECOND, data={"code": f"{number:06}"})).status_code for number in range(8)]
    assert 429 in seen
    assert (await browser.post(SECOND, data={"code": await step(app)})).status_code == 429
    await browser.aclose()


async def test_a_changed_password_ends_the_second_step(site: Site, console: httpx2.AsyncClient) -> None:
    app, _codes = await set_up_app(console)
    browser = await enter_password(site)
    new = "five other quiet words here"
    await console.post("/admin/account/password", data={"current": ADA_PASSWORD, "password": new, "again": new})
    answer = await browser.post(SECOND, data={"code": await step(app)})
    assert answer.headers["location"].startswith("/admin/sign-in")
    assert (await browser.get("/admin")).status_code == 303
    await browser.aclose()


async def test_somebody_with_a_second_factor_resets_anothers(site: Site, console: httpx2.AsyncClient) -> None:
    now = await database.now()
    eve = await create_administrator(site.desk, name="eve", password=ADA_PASSWORD, now=now, actor="ada")
    browser = site.stranger(Origin=site.origin)
    await browser.post("/admin/sign-in", data={"name": "eve", "password": ADA_PASSWORD})
    await set_up_app(browser)
    page, reset = f"/admin/administrators/{eve.id}", f"/admin/administrators/{eve.id}/second-factor/reset"
    assert "Reset second factor" in (await console.get(page)).text
    answer = await console.post(reset)
    assert "a second factor of your own first" in (await console.get(answer.headers["location"])).text
    await set_up_app(console)
    answer = await console.post(reset)
    assert "signs in with the password alone" in (await console.get(answer.headers["location"])).text
    eve = await Administrator.get(name="eve")
    assert (eve.second_factor_at, eve.totp_sealed, eve.totp_step) == (None, None, None)
    assert not await RecoveryCode.filter(administrator_id=eve.id).exists()
    assert (await browser.get("/admin")).status_code == 303
    answer = await console.post(reset)
    assert "no second factor any more" in (await console.get(answer.headers["location"])).text
    assert await AuditEntry.filter(actor="ada", action="administrator.second-factor-reset", subject="eve").count() == 1
    await browser.aclose()


async def test_nobody_resets_one_who_may_do_more(site: Site, console: httpx2.AsyncClient) -> None:
    now, by = await database.now(), Grantor("ada")
    draft = RoleDraft(permissions=frozenset({"administrator.see", "administrator.edit"}))
    await add_role(site.desk, "STAFF", draft, by=by, now=now)
    await create_administrator(site.desk, name="eve", password=ADA_PASSWORD, role="STAFF", now=now, actor="ada")
    browser = site.stranger(Origin=site.origin)
    await browser.post("/admin/sign-in", data={"name": "eve", "password": ADA_PASSWORD})
    await set_up_app(browser)
    await set_up_app(console)
    ada = await Administrator.get(name="ada")
    answer = await browser.post(f"/admin/administrators/{ada.id}/second-factor/reset")
    assert answer.status_code == 303
    assert (await Administrator.get(name="ada")).second_factor_at is not None
    await browser.aclose()


async def test_a_browser_that_proved_nothing_ends_with_the_first_second_factor(
    site: Site, console: httpx2.AsyncClient
) -> None:
    await set_up_app(console)
    await BrowserSession.all().update(second_factor_at=None)
    assert (await console.get("/admin")).status_code == 303, "as one would be that was opened in the same moment"


async def test_changing_the_password_keeps_what_was_proven(console: httpx2.AsyncClient) -> None:
    await set_up_app(console)
    new = "five other quiet words here"
    await console.post("/admin/account/password", data={"current": ADA_PASSWORD, "password": new, "again": new})
    assert (await console.get("/admin")).status_code == 200


async def test_nobody_removes_what_is_not_theirs_or_is_gone(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await create_administrator(site.desk, name="eve", password=ADA_PASSWORD, now=now, actor="ada")
    browser = site.stranger(Origin=site.origin)
    await browser.post("/admin/sign-in", data={"name": "eve", "password": ADA_PASSWORD})
    await set_up_passkey(browser, Authenticator(site.origin))
    row = await Passkey.get()
    answer = await console.post(f"{OWN}/passkeys/{row.id}/remove")
    assert "no such passkey any more" in (await console.get(answer.headers["location"])).text
    answer = await console.post(f"{OWN}/app/remove")
    assert "no app any more" in (await console.get(answer.headers["location"])).text
    assert await Passkey.exists(id=row.id)
    await browser.aclose()


async def test_a_server_without_a_name_has_no_passkeys(
    site: Site, console: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = Authenticator(site.origin)
    await set_up_passkey(console, key)
    monkeypatch.setattr(type(site.desk.settings), "public_host", "192.0.2.7")
    assert (await console.get(f"{OWN}/passkeys")).headers["location"] == OWN
    assert (await console.post(f"{OWN}/passkeys", data={"name": "x"})).headers["location"] == OWN
    page = (await console.get(OWN)).text
    assert "reached by an IP address" in page
    browser = await enter_password(site)
    assert "data-passkey" not in (await browser.get(SECOND)).text
    assert (await browser.post("/admin/sign-in/passkey", data={"credential": "{}"})).status_code in {421, 422}
    await browser.aclose()
