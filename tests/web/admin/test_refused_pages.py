"""Every refused form of the console leads back to its page: a reload sends nothing again, no password is kept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_hex
from uuid import uuid4

import httpx2
import pytest

from otae.accounts import kept_texts, own_roles
from otae.accounts.own_roles import RoleDraft
from otae.accounts.roles import Grantor
from otae.delivery.texts import templates
from otae.directory.local import groups, people
from otae.invitations import lifecycle
from otae.invitations.orders import InvitationOrder
from otae.invitations.terms import InvitationTerms
from otae.store import database
from otae.store.models import Administrator, BrowserSession, KeptText
from otae.web import refused_pages
from otae.web.pages import REFUSED_COOKIE
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.admin.test_edit_forms import EDITS, stored
from tests.web.conftest import Site
from tests.web.page_forms import PageForm, form_of, forms_of
from tests.web.refused_fields import refused_fields

pytestmark = pytest.mark.anyio

#: Too long for every field that takes one line.
TYPED = f"typed-{token_hex(1000)}"
SECRET = "never-shown-again"
FILE = b"what-is-in-the-file"
#: Pages with forms that make something or do something.
PAGES = (
    "/admin/account", "/admin/invitations/add", "/admin/groups", "/admin/group-invitations/add",
    "/admin/group-invitations/csv/upload", "/admin/users/add", "/admin/users/import/upload", "/admin/push",
    "/admin/notification-servers/add", "/admin/notification-servers/sms/add/vonage", "/admin/properties/identity.days",
    "/admin/notification-servers/carriers", "/admin/directories/add/upload", "/admin/enrollment-modes",
    "/admin/certificates/signer/upload", "/admin/certificates/tls/upload", "/admin/certificates/root-key",
    "/admin/administrators", "/admin/roles/add", "/admin/roles/assignments",
)  # fmt: skip


@pytest.fixture
async def browser(site: Site, ada: None) -> AsyncIterator[httpx2.AsyncClient]:
    """Give Ada's browser, which follows no redirect by itself."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": site.origin}
    async with httpx2.AsyncClient(transport=site.transport, base_url=site.origin, headers=headers) as client:
        await client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
        yield client


def takes_entries(form: PageForm) -> bool:
    """Tell whether anything can be wrong in a form."""
    return form.method == "post" and bool(form.files or set(form.kinds.values()) - {"hidden", "checkbox", "submit"})


def spoilt(form: PageForm) -> dict[str, list[str]]:
    """Return the form with something that no field takes in each."""
    values = {"select": "no-such-choice", "radio": "no-such-choice"}
    kept = {"hidden": form.sent, "checkbox": form.sent}
    return {
        name: kept[kind].get(name, [])
        if kind in kept
        else [f"{SECRET} {name}" if kind == "password" else values.get(kind, TYPED)]
        for name, kind in form.kinds.items()
    }


async def changed() -> dict[str, list[str]]:
    """Return what is stored, but for the marks of forms that were sent."""
    return {table: [row for row in rows if "'form:" not in row] for table, rows in (await stored()).items()}


async def look(browser: httpx2.AsyncClient, form: PageForm) -> str:
    """Send a form that is refused, and see to what the browser is led; return the address."""
    before, typed = await changed(), spoilt(form)
    files = {name: (f"{name}.bin", FILE) for name in form.files if form.action.endswith("/upload")}
    answer = await browser.post(form.action, data=typed, files=files)
    assert answer.status_code == 303, (form.action, answer.status_code)
    assert REFUSED_COOKIE in answer.cookies, (form.action, answer.headers["location"])
    kept = await KeptText.get()
    told = "\n".join([*answer.headers.values(), answer.headers["location"], kept.content])
    where = answer.headers["location"]
    page = await browser.get(where)
    assert page.status_code == 422, form.action
    assert 'id="summary"' in page.text, form.action
    refused_fields(page.text)
    for secret in (SECRET, FILE.decode()):
        assert secret not in told + page.text, form.action
    assert TYPED not in told
    assert ("Please choose the file again" in page.text) == bool(files), form.action
    shown = next(each for each in forms_of(page.text) if set(each.kinds) >= set(form.kinds))
    for name, texts in typed.items():
        if form.kinds[name] in {"text", "textarea", "email", "tel", "number", "url", "search"}:
            assert shown.sent[name] == texts, (form.action, name)
    assert not await KeptText.exists()
    again = await browser.get(where)
    assert (again.status_code, TYPED in again.text, 'id="summary"' in again.text) == (200, False, False), form.action
    assert await changed() == before, form.action
    return where


async def forms_to_refuse(site: Site, browser: httpx2.AsyncClient, now: datetime) -> AsyncIterator[PageForm]:
    """Give every form of the console in which something can be wrong, once."""
    rows: dict[object, object] = {}
    for edit in EDITS.values():
        if edit.make not in rows:
            rows[edit.make] = await edit.make(site.desk, now)
    group = await groups.add_group("finance", now=now, actor="ada")
    erin = await people.add_person(site.desk, name="erin", email="erin@example.test", now=now, actor="ada")
    order = InvitationOrder(erin.name, InvitationTerms(mode="username_pin", send=False))
    row = (await lifecycle.create(site.desk, order, now=now, actor="ada")).invitation
    pages = {edit.page.format(id=rows[edit.make]): edit.apart for edit in EDITS.values()}
    pages |= dict.fromkeys([*PAGES, f"/admin/groups/{group.id}", f"/admin/invitations/{row.id}/extend"], ())
    seen = set()
    for page, apart in pages.items():
        for form in filter(takes_entries, forms_of((await browser.get(page)).text)):
            saved = replace(
                form,
                action=form.action or page,
                kinds={name: kind for name, kind in form.kinds.items() if name not in apart},
            )
            for each in (
                saved,
                *(replace(form, action=action, sent=form.sent | {"form_id": [str(uuid4())]}) for action in form.others),
            ):
                if each.action not in seen and "/preview" not in each.action:  # that does nothing
                    seen.add(each.action)
                    yield each


@pytest.mark.slow
async def test_every_refused_form_leads_back_with_what_was_typed_and_no_secret(
    site: Site, browser: httpx2.AsyncClient, now: datetime
) -> None:
    led = [await look(browser, form) async for form in forms_to_refuse(site, browser, now)]
    assert len(led) > 50


async def refuse(browser: httpx2.AsyncClient) -> str:
    """Send a form that is refused; return the address of its page."""
    answer = await browser.post("/admin/users/add", data={"email": "no address", "password": SECRET})
    assert REFUSED_COOKIE in answer.cookies
    return answer.headers["location"]


async def test_a_long_message_comes_back_whole_in_its_language(browser: httpx2.AsyncClient) -> None:
    row = await templates.default_template("url")
    page, html = f"/admin/templates/{row.id}?language=de", f"<p>{token_hex(25_000)} ${{no.such}}</p>"
    answer = await browser.post(page, data={"subject": "Größe", "text": "x", "html": html})
    assert (answer.status_code, answer.headers["location"]) == (303, page)
    refused = await browser.get(page)
    assert refused.status_code == 422
    assert form_of(refused.text, page).sent["html"] == [html]
    assert refused.headers["referrer-policy"] == "same-origin"
    again = await browser.get(page)
    assert (again.status_code, "no.such" in again.text) == (200, False)


async def test_the_answer_is_shown_once_on_its_page_to_its_browser(site: Site, browser: httpx2.AsyncClient) -> None:
    where = await refuse(browser)
    assert (await browser.get("/admin/users")).status_code == 200
    assert (await browser.head(where)).status_code == 200
    assert (await browser.get(where, headers={"HX-Request": "true"})).status_code == 200
    found = browser.cookies[REFUSED_COOKIE]
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    site.client.cookies.set(REFUSED_COOKIE, found)
    assert (await site.client.get(where)).status_code == 200
    answers = await asyncio.gather(*(browser.get(where) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 422]
    assert REFUSED_COOKIE not in browser.cookies


async def test_the_answer_is_over_after_a_minute_and_goes_when_one_signs_out(browser: httpx2.AsyncClient) -> None:
    where = await refuse(browser)
    left = (await KeptText.get()).expires_at - await database.now()
    assert timedelta(seconds=50) < left <= refused_pages.GOOD_FOR
    await browser.post("/admin/sign-out")
    assert not await KeptText.exists()
    browser.cookies.set(REFUSED_COOKIE, "made up")
    await browser.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    assert (await browser.get(where)).status_code == 200


async def test_a_refusal_that_a_page_raises_leads_back_too(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post("/admin/invitations/many", data={"what": "forget"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/invitations")
    refused = await browser.get("/admin/invitations")
    assert (refused.status_code, "This cannot be done to a list." in refused.text) == (400, True)
    assert (await browser.get("/admin/invitations")).status_code == 200


async def test_what_is_not_there_and_what_htmx_asks_for_is_answered_at_once(browser: httpx2.AsyncClient) -> None:
    assert (await browser.post(f"/admin/users/{uuid4()}/remove")).status_code == 404
    assert (await browser.post("/admin/nowhere")).status_code == 404
    row = await templates.default_template("url")
    part = await browser.post(
        f"/admin/templates/{row.id}/send", data={"recipient": "nobody"}, headers={"HX-Request": "true"}
    )
    assert (part.status_code, "<html" in part.text) == (422, False)
    assert not await KeptText.exists()


async def test_the_answer_waits_under_the_new_secret_of_who_just_entered_the_password(
    browser: httpx2.AsyncClient,
) -> None:
    for row in await BrowserSession.all():
        await BrowserSession.filter(id=row.id).update(created_at=row.created_at - timedelta(minutes=11))
    long = token_hex(15_000)
    asked = await browser.post("/admin/roles/add", data={"name": "", "words": long, "leaves": "audit.see"})
    assert len(asked.headers["location"]) < 200
    form = next(each for each in forms_of((await browser.get(asked.headers["location"])).text) if "words" in each.kinds)
    assert form.sent["words"] == [long]
    answer = await browser.post(form.action, data=form.sent | {"password_again": ADA_PASSWORD})
    assert (answer.status_code, answer.headers["location"]) == (303, "/admin/roles/add")
    refused = await browser.get("/admin/roles/add")
    assert (refused.status_code, long in refused.text, ADA_PASSWORD in refused.text) == (422, True, False)
    assert not await KeptText.exists()


async def test_what_a_role_allowed_before_is_not_shown_afterwards(
    site: Site, browser: httpx2.AsyncClient, now: datetime
) -> None:
    by, allowed = Grantor("it"), frozenset({"person.see", "person.edit", "group.see"})
    role = await own_roles.add_role(site.desk, "desk", RoleDraft("", allowed), by=by, now=now)
    assert role.id is not None
    await Administrator.filter(name="ada").update(role="desk")
    where = await refuse(browser)
    await own_roles.change_role(site.desk, role.id, RoleDraft("", allowed - {"group.see"}), by=by, now=now)
    assert (await browser.get(where)).status_code == 200
    where = await refuse(browser)
    await own_roles.change_role(site.desk, role.id, RoleDraft("", frozenset({"person.see"})), by=by, now=now)
    answer = await browser.get(where)
    assert (answer.status_code, 'id="summary"' in answer.text) == (403, False)


async def test_a_page_is_found_again_whatever_its_address_holds(browser: httpx2.AsyncClient) -> None:
    answer = await browser.post('/admin/users/add?of=a|b"<é>%7C', data={"email": "no address"})
    where = answer.headers["location"]
    assert where.startswith("/admin/users/add?of=a%7Cb")
    assert (await browser.get(where)).status_code == 422


async def test_a_hundred_forms_at_once_leave_a_bounded_number_of_texts(browser: httpx2.AsyncClient) -> None:
    await asyncio.gather(*(refuse(browser) for _ in range(40)))
    assert await KeptText.all().count() <= kept_texts.MAX_KEPT
    where = await refuse(browser)
    assert await KeptText.all().count() == kept_texts.MAX_KEPT
    assert (await browser.get(where)).status_code == 422


async def test_another_browser_of_the_same_administrator_gets_nothing(site: Site, browser: httpx2.AsyncClient) -> None:
    where = await refuse(browser)
    await site.client.post("/admin/sign-in", data={"name": "ada", "password": ADA_PASSWORD})
    for odd in (browser.cookies[REFUSED_COOKIE], "0" * 5000, f"urn:uuid:{uuid4()}", "\\x00", '"' * 32):
        site.client.cookies.set(REFUSED_COOKIE, odd)
        assert (await site.client.get(where)).status_code == 200
    shown = await browser.get(where)
    assert (shown.status_code, shown.headers["cache-control"]) == (422, "no-store")
