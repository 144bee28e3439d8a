"""Settings → Administrators, and Settings → Roles."""

import html
import re
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID, uuid4

import httpx2
import pytest

from otae.accounts import administrator_list, administrators
from otae.accounts.administrators import create_administrator
from otae.accounts.roles import BUILT_IN, Grantor
from otae.directory.local import groups
from otae.store.models import Administrator, AuditEntry, BrowserSession, DirectoryServer, Role, SetupLink
from otae.web.admin.settings.sms_servers import SmsForm
from otae.web.forms import Form, PasswordField
from otae.web.password_again import SECRETS
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site
from tests.web.dump import dump
from tests.web.page_forms import PageForm, forms_of

pytestmark = pytest.mark.anyio

LIST, ROLES = "/admin/administrators", "/admin/roles"


async def add(name: str, role: str = "ADMIN", *, now: datetime, domain: str = "local") -> UUID:
    row = Administrator(name=name, role=role, domain=domain, password_hash="", created_at=now)
    await row.save(force_create=True)
    return row.id


async def flash(console: httpx2.AsyncClient, answer: httpx2.Response) -> str:
    """Return the page that a form led to, with its note."""
    assert answer.status_code == 303
    return html.unescape((await console.get(answer.headers["location"])).text)


async def test_an_administrator_is_invited_by_a_link_that_is_shown_once(
    site: Site, console: httpx2.AsyncClient
) -> None:
    page = await console.post(LIST, data={"name": " Cleo ", "role": "SUPPORT"})
    assert page.status_code == 200
    link = html.unescape(re.findall(r'id="link"[^>]*value="([^"]+)"', page.text)[0])
    token = link.partition("?s=")[2]
    listed = (await console.get(LIST)).text
    assert token not in listed
    assert "cleo" in listed
    assert "Setup links not used yet" in listed
    assert token not in str(await dump()), "only its hash is kept"
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as cleo:
        chosen = {"password": ADA_PASSWORD, "again": ADA_PASSWORD}
        assert (await cleo.post(f"/admin/setup?s={token}", data={"name": "cleo"} | chosen)).status_code == 303
        assert "Role: SUPPORT" in (await cleo.get("/admin")).text
        assert (await cleo.get(LIST)).status_code == 403
    assert (await Administrator.get(name="cleo")).role == "SUPPORT"


async def test_beside_the_form_for_another_stands_what_each_role_allows(console: httpx2.AsyncClient) -> None:
    page = (await console.get(LIST)).text
    for role in BUILT_IN.values():
        if role.permissions:
            assert html.escape(role.words) in page


async def test_what_cannot_be_invited_stands_beside_its_field(console: httpx2.AsyncClient) -> None:
    for sent, said in (
        ({"name": "", "role": "SUPPORT"}, "enter a name"),
        ({"name": "ada", "role": "SUPPORT"}, "there is already an administrator called ada"),
        ({"name": "a b", "role": "SUPPORT"}, "letters, digits"),
        ({"name": "cleo", "role": "USER"}, "choose one of these roles"),
        ({"name": "cleo", "role": "NOBODY"}, "choose one of these roles"),
    ):
        answer = await console.post(LIST, data=sent)
        assert (answer.status_code, said in html.unescape(answer.text)) == (422, True), sent
    assert not await SetupLink.exists()


async def test_a_setup_link_is_withdrawn(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await administrator_list.invite(site.desk, "cleo", "SUPPORT", by=Grantor("ada"), now=now)
    (waiting,) = await administrator_list.list_pending(now=now)
    page = await flash(console, await console.post(f"{LIST}/links/{waiting.id}/withdraw"))
    assert "The setup link of cleo no longer works." in page
    assert (await console.post(f"{LIST}/links/{waiting.id}/withdraw")).status_code == 409


async def test_a_role_is_changed_and_signs_out(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    cleo = await administrators.create_administrator(
        site.desk, name="cleo", password=ADA_PASSWORD, now=now, actor="ada"
    )
    async with site.stranger(**{"Sec-Fetch-Site": "same-origin"}) as hers:
        await hers.post("/admin/sign-in", data={"name": "cleo", "password": ADA_PASSWORD})
        assert (await hers.get("/admin/audit")).status_code == 200
        page = await flash(console, await console.post(f"{LIST}/{cleo.id}", data={"role": "SUPPORT"}))
        assert "cleo has the role SUPPORT, and signs in again." in page
        assert (await hers.get("/admin/audit")).status_code == 303
        await hers.post("/admin/sign-in", data={"name": "cleo", "password": ADA_PASSWORD})
        assert (await hers.get("/admin/audit")).status_code == 403
        await console.post(f"{LIST}/{cleo.id}/disable")
        assert (await hers.get("/admin")).status_code == 303
        assert (await hers.post("/admin/sign-in", data={"name": "cleo", "password": ADA_PASSWORD})).status_code == 422
        await console.post(f"{LIST}/{cleo.id}/enable")
        assert (await console.post(f"{LIST}/{cleo.id}/remove")).headers["location"] == LIST
    assert (await console.get(f"{LIST}/{cleo.id}")).status_code == 404
    done = [entry.action for entry in await AuditEntry.filter(actor="ada", subject="cleo").order_by("id")]
    assert done == [f"administrator.{what}" for what in ("added", "role-changed", "disabled", "enabled", "removed")]


async def test_nobody_locks_themselves_or_everybody_out(console: httpx2.AsyncClient, now: datetime) -> None:
    ada = (await Administrator.get(name="ada")).id
    page = (await console.get(f"{LIST}/{ada}")).text
    assert "This is you." in page
    assert "/remove" not in page
    for what in ("", "/disable", "/remove"):
        answer = await console.post(f"{LIST}/{ada}{what}", data={"role": "SUPPORT"})
        assert "Nobody changes their own role" in await flash(console, answer)
    small = ["administrator.see", "administrator.edit"]
    await Role.create(name="small", permissions=small, created_at=now)
    eve = await add("eve", now=now)
    await Administrator.filter(id=ada).update(role="small")
    page = (await console.get(f"{LIST}/{eve}")).text
    assert "eve may do more than you" in page
    for what in ("", "/disable", "/remove"):
        answer = await console.post(f"{LIST}/{eve}{what}", data={"role": "small"})
        assert "Your role does not allow as much" in await flash(console, answer)
    assert (await console.post(LIST, data={"name": "finn", "role": "ADMIN"})).status_code == 422
    assert re.findall(r'<option[^>]*value="([^"]+)"', (await console.get(LIST)).text) == ["small"]
    assert await Administrator.filter(name="eve", role="ADMIN", disabled=False).exists()


async def test_one_of_a_directory_gets_the_role_there(console: httpx2.AsyncClient, now: datetime) -> None:
    finn = await add("corp\\finn", "SUPPORT", now=now, domain="corp")
    page = (await console.get(f"{LIST}/{finn}")).text
    assert "checked by the directory corp" in page
    assert "Assign role" not in page
    answer = await console.post(f"{LIST}/{finn}", data={"role": "ADMIN"})
    assert answer.status_code == 422
    assert "comes from a group of corp" in answer.text


async def test_a_role_is_made_changed_and_removed(site: Site, console: httpx2.AsyncClient, now: datetime) -> None:
    await groups.add_group("sales", now=now, actor="ada")
    made = {"name": "Desk", "words": "Helps", "leaves": ["device.see", "invitation.see"], "groups": "sales\r\n"}
    assert "The role Desk was made." in await flash(console, await console.post(f"{ROLES}/add", data=made))
    row = await Role.get()
    assert (row.permissions, row.groups) == (["device.see", "invitation.see"], ["local/sales"])
    shown = (await console.get(f"{ROLES}/{row.id}")).text
    assert len(re.findall(r"type=\"checkbox\" name[^>]* checked", shown)) == 2
    assert "local/sales" in shown
    wrong = await console.post(f"{ROLES}/{row.id}", data={"leaves": ["device.see", "audit.see"], "groups": "sales"})
    assert wrong.status_code == 422
    assert "cannot have: audit.see" in wrong.text
    await console.post(f"{ROLES}/{row.id}", data={"leaves": ["audit.see"], "words": "Reads"})
    await row.refresh_from_db()
    assert (row.permissions, row.groups, row.description) == (["audit.see"], [], "Reads")
    await add("cleo", "Desk", now=now)
    assert "Desk is in use: cleo" in await flash(console, await console.post(f"{ROLES}/{row.id}/remove"))
    await Administrator.filter(name="cleo").delete()
    assert "was removed" in await flash(console, await console.post(f"{ROLES}/{row.id}/remove"))
    assert (await console.get(f"{ROLES}/{row.id}")).status_code == 404


async def test_what_is_no_role_stands_beside_its_field(console: httpx2.AsyncClient) -> None:
    for sent, said in (
        ({"name": "", "leaves": ["device.see"]}, "enter a name"),
        ({"name": "support", "leaves": ["device.see"]}, "there is already a role called support"),
        ({"name": "x"}, "choose at least one permission"),
        ({"name": "x", "leaves": ["thing.see"]}, "thing.see"),
        ({"name": "x", "leaves": ["device.see"], "groups": "nowhere"}, "there is no group called nowhere"),
    ):
        answer = await console.post(f"{ROLES}/add", data=sent)
        assert (answer.status_code, said in html.unescape(answer.text)) == (422, True), sent
    assert not await Role.exists()


async def test_a_built_in_role_is_shown_and_can_be_begun_with(console: httpx2.AsyncClient) -> None:
    page = (await console.get(f"{ROLES}/built-in/SUPPORT")).text
    assert "This role is built in" in page
    assert 'type="submit">Save' not in page
    assert (await console.get(f"{ROLES}/built-in/NOBODY")).status_code == 404
    like = (await console.get(f"{ROLES}/add?like=SUPPORT")).text
    assert len(re.findall(r"type=\"checkbox\" name[^>]* checked", like)) == 6


async def test_one_may_tick_only_what_one_has(console: httpx2.AsyncClient, now: datetime) -> None:
    small = ["administrator.see", "administrator.edit", "device.see"]
    mine = await Role.create(name="small", permissions=small, created_at=now)
    more = await Role.create(name="more", permissions=["audit.see"], created_at=now)
    await Administrator.filter(name="ada").update(role="small")
    form = (await console.get(f"{ROLES}/add?like=ADMIN")).text
    free = re.findall(r'name="leaves" value="([a-z.-]+)"(?: checked)?>', form)
    assert sorted(free) == sorted(small)
    assert (await console.post(f"{ROLES}/add", data={"name": "x", "leaves": ["audit.see"]})).status_code == 403
    assert "This is your own role" in (await console.get(f"{ROLES}/{mine.id}")).text
    assert "This role allows more than yours" in (await console.get(f"{ROLES}/{more.id}")).text
    for row in (mine, more):
        await console.post(f"{ROLES}/{row.id}", data={"leaves": ["device.see"]})
        await console.post(f"{ROLES}/{row.id}/remove")
    assert {row.name: row.permissions for row in await Role.all()} == {"small": small, "more": ["audit.see"]}


async def test_a_role_counts_from_the_next_click(console: httpx2.AsyncClient, now: datetime) -> None:
    row = await Role.create(name="desk", permissions=["audit.see"], created_at=now)
    await Administrator.filter(name="ada").update(role="desk")
    assert (await console.get("/admin/audit")).status_code == 200
    await Role.filter(id=row.id).update(permissions=["device.see"])
    assert (await console.get("/admin/audit")).status_code == 403
    await row.delete()
    assert (await console.get("/admin")).status_code == 403


async def test_groups_of_directories_are_offered_when_there_is_one(console: httpx2.AsyncClient, now: datetime) -> None:
    assert "Administrators from directories" not in (await console.get(ROLES)).text
    assert "DIRECTORY" not in (await console.get("/admin/sign-in")).text
    await DirectoryServer.create(
        domain="corp", kind="ldap", primary_host="127.0.0.1", port=1, user_base="o=a", group_base="o=a", created_at=now
    )
    assert "such as corp/helpdesk" in (await console.get(ROLES)).text
    answer = await console.post(f"{ROLES}/assignments", data={"group": "corp/helpdesk", "role": "SUPPORT"})
    assert answer.status_code == 422
    assert "not available right now" in answer.text


async def hours_later(site: Site) -> None:
    """Let the sign-in be longer ago than ten minutes."""
    for row in await BrowserSession.all():
        await BrowserSession.filter(id=row.id).update(created_at=row.created_at - timedelta(minutes=11))


async def test_what_cannot_be_undone_asks_for_the_password_again(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    cleo = await add("cleo", now=now)
    await hours_later(site)
    for path in (LIST, f"{LIST}/{cleo}", ROLES, "/admin/certificates", "/admin/audit"):
        assert (await console.get(path)).status_code == 200, "looking asks for nothing"
    for method, path, back in (
        ("GET", "/admin/certificates/root-key", "/admin/certificates/root-key"),
        ("POST", "/admin/certificates/root-key/export", "/admin/certificates/root-key"),
        ("GET", "/admin/certificates/signer/upload", "/admin/certificates/signer/upload"),
        ("POST", "/admin/certificates/tls/upload", "/admin/certificates/tls/upload"),
        ("POST", LIST, LIST),
        ("POST", f"{LIST}/{cleo}", f"{LIST}/{cleo}"),
        ("POST", f"{LIST}/{cleo}/remove", f"{LIST}/{cleo}"),
        ("POST", f"{ROLES}/assignments", f"{ROLES}/assignments"),
        ("GET", f"{ROLES}/add", f"{ROLES}/add"),
    ):
        answer = await console.request(method, path, data={"role": "SUPPORT"} if method == "POST" else None)
        location = answer.headers["location"].partition("&kept=")
        assert (answer.status_code, location[0]) == (303, f"/admin/confirm?{urlencode({'next': back})}")
        assert bool(location[1]) == (method == "POST")
    assert await Administrator.filter(name="cleo", role="ADMIN").exists()
    where = f"/admin/confirm?{urlencode({'next': f'{LIST}/{cleo}'})}"
    assert "Your password, once more" in (await console.get(where)).text
    before = console.cookies["__Host-otae-console"]
    wrong = await console.post(where, data={"password_again": "wrong"})
    assert wrong.headers["location"] == where
    assert "This did not match" in (await console.get(where)).text
    right = await console.post(where, data={"password_again": ADA_PASSWORD})
    assert right.headers["location"] == f"{LIST}/{cleo}"
    assert console.cookies["__Host-otae-console"] != before, "a new secret, the one before is worth nothing"
    assert await BrowserSession.all().count() == 1
    assert "cleo has the role SUPPORT" in await flash(
        console, await console.post(f"{LIST}/{cleo}", data={"role": "SUPPORT"})
    )


async def asked_again(site: Site, console: httpx2.AsyncClient, path: str, **sent: object) -> PageForm:
    """Send a form a long time after signing in; return the form of the page that asks for the password."""
    await hours_later(site)
    answer = await console.post(path, data=sent)
    page = await console.get(answer.headers["location"])
    assert "Your password, once more" in page.text
    return next(form for form in forms_of(page.text) if "password_again" in form.kinds)


async def test_the_form_is_kept_while_the_password_is_asked_for_again(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    entered: dict[str, object] = {
        "name": "desk", "words": "For <b>the desk</b>", "leaves": ["audit.see", "device.see"], "groups": "",
    }  # fmt: skip
    form = await asked_again(site, console, f"{ROLES}/add", **entered)
    assert form.action == f"{ROLES}/add"
    before = console.cookies["__Host-otae-console"]
    wrong = await console.post(form.action, data=form.sent | {"password_again": "wrong"})
    page = await console.get(wrong.headers["location"])
    assert "This did not match" in page.text
    assert not await Role.exists()
    again = next(each for each in forms_of(page.text) if "password_again" in each.kinds)
    assert again.sent == form.sent
    reloaded = await console.get(wrong.headers["location"])
    assert "This did not match" not in reloaded.text
    assert "For &lt;b&gt;the desk&lt;/b&gt;" in reloaded.text, "a reload asks again, and keeps what was entered"
    right = await console.post(form.action, data=form.sent | {"password_again": ADA_PASSWORD})
    assert right.headers["location"] == ROLES
    role = await Role.get()
    assert (role.name, role.description, role.permissions) == (
        "desk",
        "For <b>the desk</b>",
        ["audit.see", "device.see"],
    )
    assert console.cookies["__Host-otae-console"] != before
    assert await BrowserSession.all().count() == 1
    assert (await console.get(f"{ROLES}/add")).status_code == 200, "and nothing asks again for a while"


async def test_a_form_that_is_refused_after_the_password_keeps_the_browser_signed_in(
    site: Site, console: httpx2.AsyncClient
) -> None:
    form = await asked_again(site, console, f"{ROLES}/{uuid4()}/remove")
    answer = await console.post(form.action, data={"password_again": ADA_PASSWORD})
    assert answer.status_code == 404
    assert (await console.get(ROLES)).status_code == 200


async def test_no_password_and_no_file_is_kept_and_the_page_asks_for_them(
    site: Site, console: httpx2.AsyncClient
) -> None:
    phrase = "a long passphrase of the file"
    form = await asked_again(
        site, console, "/admin/certificates/root-key/export", new_passphrase=phrase, again=phrase, other="x"
    )
    assert form.sent == {"other": ["x"], "password_again": [""]}
    answer = await console.post(form.action, data=form.sent | {"password_again": ADA_PASSWORD})
    assert answer.status_code == 422
    assert "Passphrase" in answer.text


async def test_a_kept_form_is_shown_to_who_sent_it_alone(
    site: Site, console: httpx2.AsyncClient, now: datetime
) -> None:
    await hours_later(site)
    where = (await console.post(f"{ROLES}/add", data={"name": "desk"})).headers["location"]
    await create_administrator(site.desk, name="cleo", password=ADA_PASSWORD, now=now, actor="ada")
    await console.post("/admin/sign-in", data={"name": "cleo", "password": ADA_PASSWORD})
    assert 'value="desk"' not in (await console.get(where)).text
    assert (await console.get(where[:-3] + "AAA")).status_code == 200


def test_every_password_of_the_console_is_known_by_name() -> None:
    def kinds(kind: type[Form]) -> set[type[Form]]:
        return {kind}.union(*(kinds(each) for each in kind.__subclasses__()))

    # The forms of SMS gateways are made when they are asked for, by pages that ask for no password.
    asked = kinds(Form) - kinds(SmsForm)
    found = {field.name for kind in asked for field in kind() if isinstance(field, PasswordField)}
    assert "passphrase" in found
    assert found <= SECRETS, "add it to otae.web.password_again"


async def test_the_way_back_after_the_password_stays_in_the_console(console: httpx2.AsyncClient) -> None:
    for wanted in ("https://evil.test/", "//evil.test", "/zdm/su", "/admin/../x"):
        answer = await console.post(
            f"/admin/confirm?{urlencode({'next': wanted})}", data={"password_again": ADA_PASSWORD}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/admin")
