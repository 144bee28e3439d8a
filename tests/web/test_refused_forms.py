"""A refused form leads back to its page: a reload sends nothing again, and no secret is kept."""

import zlib
from datetime import timedelta
from secrets import token_hex

import httpx2
import pytest
from starlette.datastructures import FormData
from starlette.requests import Request

from otae.accounts import password_links
from otae.store import browser_seals, database
from otae.store.desk import Desk
from otae.store.models import Person
from otae.web import refused_forms
from otae.web.forms import Form, InputRequired, PasswordField, StringField
from otae.web.pages import REFUSED_COOKIE
from otae.web.visits import Visit
from tests.web.conftest import Site

pytestmark = pytest.mark.anyio
PATH = "/admin/things/add"


class ThingForm(Form):
    never_kept = frozenset({"pin"})
    name = StringField("Name", [InputRequired("Please enter a name.")])
    note = StringField("Note")
    password = PasswordField("Password")
    pin = StringField("PIN")


class OtherForm(ThingForm):
    pass


async def visit(desk: Desk, *, cookie: str = "", path: str = PATH, later: timedelta = timedelta(0)) -> Visit:
    raw = [(b"cookie", f"{REFUSED_COOKIE}={cookie}".encode())] if cookie else []
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw, "query_string": b"a=1"}
    return Visit(Request(scope), desk, await database.now() + later)


def sent(**values: str) -> ThingForm:
    form = ThingForm(FormData(values))
    form.sent = FormData(values)
    form.validate()
    return form


async def refused(desk: Desk, form: ThingForm) -> str:
    before = await visit(desk, cookie="of another form")
    answer = await refused_forms.redirect_back(before, form, status=429, code="ABCDE", retry_after=7)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{PATH}?a=1")
    return answer.headers["set-cookie"].partition(";")[0].partition("=")[2]


async def test_what_was_typed_and_what_was_wrong_come_back_once_and_secrets_do_not(desk: Desk) -> None:
    form = sent(name="", note="läuft", password="geheim", pin="12345678")
    form.form_errors.append("Not today.")
    again = await visit(desk, cookie=await refused(desk, form))
    back = await refused_forms.take(again, ThingForm)
    assert back
    assert (back.note.data, back.password.data, back.pin.data) == ("läuft", None, None)
    assert back.all_errors == [("", "Not today."), ("name", "Name: Please enter a name.")]
    assert (back.status, back.support_code, back.headers) == (429, "ABCDE", {"Retry-After": "7"})
    assert back.enter_again == ["Password", "PIN"]
    assert again.request.state.refused_form_shown


async def test_another_page_another_form_and_a_later_time_get_nothing(desk: Desk) -> None:
    cookie = await refused(desk, sent(name="", note="x"))
    assert await refused_forms.take(await visit(desk, cookie=cookie), OtherForm) is None
    assert await refused_forms.take(await visit(desk, cookie=cookie, path="/admin/others/add"), ThingForm) is None
    assert await refused_forms.take(await visit(desk, cookie=cookie, later=timedelta(seconds=63)), ThingForm) is None
    assert await refused_forms.take(await visit(desk, cookie=cookie[:-2] + "xx"), ThingForm) is None
    assert await refused_forms.take(await visit(desk), ThingForm) is None
    assert await refused_forms.take(await visit(desk, cookie=cookie, later=timedelta(seconds=58)), ThingForm)


async def test_the_cookie_holds_no_secret_even_unsealed(desk: Desk) -> None:
    cookie = await refused(desk, sent(name="", note="in sight", password="geheim", pin="12345678"))
    packed = await browser_seals.open_sealed(desk, refused_forms.PURPOSE, cookie, now=await database.now())
    assert packed
    told = zlib.decompress(packed).decode()
    assert "in sight" in told
    assert "geheim" not in told
    assert "12345678" not in told


@pytest.mark.parametrize(("note", "kept"), [(token_hex(4000), None), ("a" * 20_000, "a" * 20_000)])
async def test_of_more_than_fits_a_cookie_only_what_was_wrong_goes_along(
    desk: Desk, note: str, kept: str | None
) -> None:
    cookie = await refused(desk, sent(name="", note=note, password="geheim"))
    assert len(cookie) <= refused_forms.LONGEST
    back = await refused_forms.take(await visit(desk, cookie=cookie), ThingForm)
    assert back
    assert (back.note.data, back.all_errors) == (kept, [("name", "Name: Please enter a name.")])
    assert back.enter_again == ["Password"]


async def test_reloading_after_a_refused_password_sends_nothing_again(site: Site, ben: Person) -> None:
    url = await password_links.make(site.desk, ben, now=await database.now(), actor="ada")
    with_redirects = httpx2.AsyncClient(
        transport=site.transport, base_url=site.origin, headers=site.client.headers, follow_redirects=True
    )
    async with with_redirects as browser:
        refused = await browser.post(url, data={"password": "four quiet words", "again": "another"})
        assert (refused.status_code, refused.request.method) == (422, "GET")
        assert "The two passwords differ." in refused.text
        assert "four quiet words" not in refused.text
        again = await browser.get(refused.request.url)
        assert (again.status_code, "differ" in again.text) == (200, False)
        done = await browser.post(url, data={"password": "four quiet words", "again": "four quiet words"})
        assert done.request.method == "GET"
        assert "Your password is set" in done.text
