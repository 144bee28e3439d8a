"""Every form that changes what is stored: it shows what is stored, and saving it untouched changes nothing."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import httpx2
import pytest

from otae.accounts.administrators import create_administrator
from otae.accounts.own_roles import RoleDraft, add_role
from otae.accounts.roles import Grantor
from otae.authority import issuers
from otae.delivery import servers
from otae.delivery.sms import servers as sms_servers
from otae.delivery.texts import template_editing, templates
from otae.directory.ldap import servers as directories
from otae.directory.local import groups, people
from otae.invitations.campaigns import Plan
from otae.paths import CONSOLE_ELSEWHERE
from otae.signing.certificates import pem
from otae.store.desk import Desk
from otae.store.models import CarrierGateway
from otae.web import routes
from otae.web.routing import ConsoleRoute
from tests.invitations.following import DAY, planned
from tests.web.admin.conftest import ADA_PASSWORD
from tests.web.conftest import Site
from tests.web.dump import dump
from tests.web.page_forms import PageForm, form_of

pytestmark = pytest.mark.anyio

BY = Grantor("command line")
#: Tables in which every request leaves something.
ALONGSIDE = {"audit_entry", "audit_head", "browser", "lease"}
#: Pages with a form that makes something new or does something, and changes nothing that is shown in it.
NO_EDITS = {
    "/admin/branding/texts/{kind}/{language}",  # each time it is saved is a version
    "/admin/confirm",
    "/admin/account/second-factor/app",
    "/admin/account/second-factor/passkeys",
    "/admin/campaigns/add",
    "/admin/invitations/add",
    "/admin/invitations/{id:uuid}/extend",
    "/admin/groups",
    "/admin/groups/{id:uuid}/members",
    "/admin/group-invitations/add",
    "/admin/group-invitations/csv/upload",
    "/admin/group-invitations/{id:uuid}/columns",
    "/admin/users/add",
    "/admin/users/import/upload",
    "/admin/push/upload",
    "/admin/serial-numbers/upload",
    "/admin/notification-servers/add",
    "/admin/notification-servers/sms/add/{gateway}",
    "/admin/notification-servers/carriers",
    "/admin/directories/add/upload",
    "/admin/templates/{id:uuid}/preview",
    "/admin/templates/{id:uuid}/preview/html",
    "/admin/templates/{id:uuid}/send",
    "/admin/templates/{id:uuid}/send/sms",
    "/admin/certificates/root-key/remove/upload",
    "/admin/certificates/root-key/return/upload",
    "/admin/certificates/signer/upload",
    "/admin/certificates/tls/upload",
    "/admin/administrators",
    "/admin/roles/assignments",
    "/admin/roles/add",
}


@dataclass(frozen=True)
class Edit:
    """A form to edit something with.

    ``make`` stores what is edited and returns its id; ``page``: where the form is, ``action``: where it goes;
    ``values``: what is typed into fields that take no other text of any kind; ``apart``: fields that save nothing.
    """

    page: str
    make: Callable[[Desk, datetime], Awaitable[object]]
    values: dict[str, list[str]] = field(default_factory=dict)
    action: str = ""
    apart: tuple[str, ...] = ()


async def nothing(_desk: Desk, _now: datetime) -> object:
    return ""


async def mail_server(desk: Desk, now: datetime) -> UUID:
    entry = servers.ServerEntry(
        name="Office", host="mail.example.test", port=2525, username="otae", password="a mail password", ntlm=True,
        clear_sign_in=True, ca_pem=pem(await issuers.root()).decode(), from_name="Example GmbH",
        from_email="it@example.test", timeout=11, retries=2,
        connections=3, rate=60, standby=1, dkim_selector="mail2026", description="of the cellar",
    )  # fmt: skip
    return (await servers.add_server(desk, entry, now=now, actor="ada")).id


async def sms_gateway(desk: Desk, now: datetime) -> UUID:
    values = {"api_key": "k", "api_secret": "s", "sender": "Example"}
    entry = sms_servers.SmsEntry(
        name="Texts", gateway="vonage", values=values, timeout=11, retries=2, connections=3, rate=60, standby=1,
        description="of the cellar",
    )  # fmt: skip
    return (await sms_servers.add_sms_server(desk, entry, now=now, actor="ada")).id


async def sms_carrier(desk: Desk, now: datetime) -> UUID:
    entry = sms_servers.SmsEntry(name="Carriers", gateway="carrier", values={"carrier": "Verizon"}, description="x")
    return (await sms_servers.add_sms_server(desk, entry, now=now, actor="ada")).id


async def carrier(_desk: Desk, _now: datetime) -> UUID:
    return (await CarrierGateway.get(name="Orange")).id


async def directory(desk: Desk, now: datetime) -> UUID:
    entry = directories.DirectoryEntry(
        domain="example.test", alias="corp", kind="active-directory", primary_host="ad.example.test",
        secondary_host="ad2.example.test", port=3890, security="starttls", bind_name="otae@example.test",
        password="a bind password", user_base="ou=people,dc=example,dc=test", group_base="dc=example,dc=test",
        search_by="userPrincipalName", attributes="department title", lockout_limit=4, lockout_minutes=9,
        global_catalog_port=3268, global_catalog_base="dc=example,dc=test", timeout=4,
        ca_pem=pem(await issuers.root()).decode(),
    )  # fmt: skip
    return (await directories.add_directory(desk, entry, now=now, actor="ada")).id


async def own_template(desk: Desk, now: datetime) -> UUID:
    system = await templates.default_template("url")
    return (await template_editing.clone(system, "Ours", now=now, actor="ada")).id


async def system_template(_desk: Desk, _now: datetime) -> UUID:
    return (await templates.default_template("url")).id


async def role(desk: Desk, now: datetime) -> object:
    await groups.add_group("sales", now=now, actor="ada")
    draft = RoleDraft("For the front desk", frozenset({"device.see", "invitation.see"}), ("sales",))
    return (await add_role(desk, "desk", draft, by=BY, now=now)).id


async def person(desk: Desk, now: datetime) -> UUID:
    row = await people.add_person(desk,
        name="ben", display_name="Ben Okafor", email="ben@example.test", phone="+4915112345678", language="de",
        role="USER", properties={"floor": "2", "desk": "a = b"}, password="ben's own password", groups=["sales.south"],
        now=now, actor="ada",
    )  # fmt: skip
    return (await people.update_person(desk, row, disabled=True, now=now, actor="ada")).id


async def administrator(desk: Desk, now: datetime) -> UUID:
    made = await create_administrator(
        desk, name="cleo", password=ADA_PASSWORD, role="SUPPORT", now=now, actor="command line"
    )
    return made.id


async def campaign(desk: Desk, now: datetime) -> UUID:
    await groups.add_group("autumn", now=now, actor="ada")
    return (await planned(desk, Plan("Autumn", target=(now + DAY).date(), remind_days=2), "autumn", now=now)).id


LINK: Final = "${enrollment.url}"
TEXTS: Final = {
    "subject": ["Hello"],
    "text": [f"One\n{LINK}"],
    "html": [f"<p>One\n{LINK}</p>"],
    "sms": [f"Hello {LINK}"],
}
SENDS: Final = ("recipient", "phone")
EDITS: Final = {
    "notification server": Edit(
        "/admin/notification-servers/{id}", mail_server,
        {"host": ["mail2.example.test"], "from_email": ["help@example.test"], "dkim_selector": ["mail2027"],
         "password": ["another password"], "oauth": ["other"], "oauth_client_id": ["the client"],
         "oauth_token_url": ["https://login.example.test/token"], "oauth_scope": ["mail"], "security": ["tls"],
         "ca_pem": [""]},
        apart=("recipient",),
    ),
    "sms gateway": Edit(
        "/admin/notification-servers/sms/{id}",
        sms_gateway,
        {"sender": ["Other"], "base_url": ["https://api.example.test"]},
        apart=("recipient",),
    ),
    "carriers as a gateway": Edit("/admin/notification-servers/sms/{id}", sms_carrier, apart=("recipient",)),
    "carrier": Edit(
        "/admin/notification-servers/carriers/{id}", carrier,
        {"domain": ["txt.example.test"], "country_code": ["49"], "prefix": ["1"]},
    ),
    "directory": Edit(
        "/admin/directories/{id}", directory,
        {"kind": ["ldap"], "search_by": ["cn"], "attributes": ["sn"], "domain": ["other.test"], "alias": ["other"],
         "port": ["1636"], "primary_host": ["ad3.example.test"], "secondary_host": ["ad4.example.test"],
         "ca_pem": [""], "bind_name": ["cn=otae,dc=example,dc=test"], "password": ["another password"],
         "user_base": ["dc=example,dc=test"], "group_base": ["ou=groups,dc=example,dc=test"],
         "global_catalog_base": ["dc=test"]},
        action="/admin/directories/{id}/upload",
    ),
    "template": Edit("/admin/templates/{id}", system_template, TEXTS, apart=SENDS),
    "shipped translation": Edit("/admin/templates/{id}?language=de", system_template, TEXTS, apart=SENDS),
    "template of one's own": Edit("/admin/templates/{id}", own_template, TEXTS, apart=SENDS),
    "translation of it": Edit("/admin/templates/{id}?language=de", own_template, TEXTS, apart=SENDS),
    "name of a template": Edit("/admin/templates/{id}", own_template, action="/admin/templates/{id}/rename"),
    "mode": Edit(
        "/admin/enrollment-modes/username_pin", nothing,
        {"valid_for": ["3"], "max_tries": ["5"], "pin_length": ["9"]}, apart=("default",),
    ),
    "mode that needs its link": Edit(
        "/admin/enrollment-modes/invitation_url_pin", nothing,
        {"valid_for": ["3"], "max_tries": ["5"], "pin_length": ["9"]},
    ),
    "mode without a PIN": Edit(
        "/admin/enrollment-modes/username_password", nothing, {"valid_for": ["3"]}, apart=("default",)
    ),
    "ways of PINs": Edit("/admin/enrollment-modes", nothing),
    "role": Edit("/admin/roles/{id}", role, {"groups": [""], "leaves": ["device.see"]}, apart=("group",)),
    "person": Edit(
        "/admin/users/{id}/edit", person,
        {"email": ["b@example.test"], "phone": ["+4915112345679"], "properties": ["floor = 3"], "groups": ["a\nb"]},
        apart=("password",),
    ),
    "property": Edit("/admin/properties/support.contact", nothing, {"value": ["help@example.test"]}, apart=("before",)),
    "switch": Edit("/admin/properties/mac.sha1", nothing, apart=("before",)),
    "branding": Edit(
        "/admin/branding", nothing, {"name": ["Other GmbH"], "contact": ["help@example.test"], "accent": ["#8a2be2"]},
        apart=("part",),
    ),
    "own address": Edit("/admin/account", nothing, {"email": ["ada@example.test"]}),
    "campaign": Edit(
        "/admin/campaigns/{id}/edit",
        campaign,
        {
            "target": [str((datetime.now(UTC) + 60 * DAY).date())],
            "wave_hours": ["9 13"],
            "wave_size": ["20"],
            "remind_days": ["3"],
            "remind_most": ["4"],
        },
        apart=("seen",),
    ),
    "administrator's role": Edit("/admin/administrators/{id}", administrator),
}  # fmt: skip


def test_every_page_with_a_form_is_looked_at() -> None:
    pages = {
        route.path: route
        for route in routes.routes()
        if isinstance(route, ConsoleRoute) and {"GET", "POST"} <= set(route.needed) and route.path != CONSOLE_ELSEWHERE
    }
    actions = {
        (each.action or each.page).partition("?")[0].replace("{id}", str(UUID(int=1))) for each in EDITS.values()
    }
    looked_at = {path for path, route in pages.items() if any(route.path_regex.fullmatch(action) for action in actions)}
    assert looked_at | NO_EDITS == set(pages), "add what edits to EDITS, and what does not to NO_EDITS"
    assert not looked_at & NO_EDITS


async def opened(console: httpx2.AsyncClient, edit: Edit, row: object) -> PageForm:
    page, action = edit.page.format(id=row), (edit.action or edit.page).format(id=row)
    answer = await console.get(page)
    assert answer.status_code == 200
    form = form_of(answer.text, action)
    for name in edit.apart:
        form.sent.pop(name, None)
    return form


async def sent(console: httpx2.AsyncClient, form: PageForm, fields: dict[str, list[str]]) -> httpx2.Response:
    """Send ``fields`` as a browser does: lines end with CRLF."""
    data = {name: [text.replace("\n", "\r\n") for text in texts] for name, texts in fields.items()}
    return await console.post(form.action, data=data)


def refused(answer: httpx2.Response) -> list[tuple[str, str]]:
    """Return what the page says of entries that it did not take."""
    return re.findall(r'id="([a-z_-]+)-errors">([^<]*)', answer.text)


async def stored() -> dict[str, list[str]]:
    return {table: rows for table, rows in (await dump()).items() if table not in ALONGSIDE}


def otherwise(edit: Edit, form: PageForm) -> dict[str, list[str]]:
    """Return the form with something else in every field."""
    changed = dict(form.sent)
    for name, kind in form.kinds.items():
        was, choices = form.sent.get(name, []), form.choices.get(name, [])
        if name in edit.apart or kind == "hidden":
            changed.pop("form_id", None)
            continue
        if name in edit.values:
            changed[name] = edit.values[name]
        elif kind == "checkbox":
            changed[name] = [] if was else choices
        elif choices:
            changed[name] = [next((value for value in reversed(choices) if [value] != was), was[0])]
        elif kind == "number":
            changed[name] = [str(int(was[0]) + 1)]
        else:
            changed[name] = [f"{was[0]} too".strip()]
    return {name: values for name, values in changed.items() if values}


@pytest.mark.parametrize("edit", EDITS.values(), ids=list(EDITS))
async def test_what_is_saved_is_shown_and_saved_untouched_it_stays(
    site: Site, console: httpx2.AsyncClient, now: datetime, edit: Edit
) -> None:
    row = await edit.make(site.desk, now)
    for turn in ("as it was stored", "as it was saved"):
        before, form = await stored(), await opened(console, edit, row)
        answer = await sent(console, form, form.sent)
        assert answer.status_code == 303, (turn, refused(answer))
        assert await stored() == before, turn
        if turn == "as it was stored":
            typed = otherwise(edit, form)
            answer = await sent(console, form, typed)
            assert answer.status_code == 303, refused(answer)
            shown = (await opened(console, edit, row)).sent
            secret = {name for name, kind in form.kinds.items() if kind == "password"}
            assert {name: shown.get(name) for name in typed if name not in secret} == {
                name: texts for name, texts in typed.items() if name not in secret
            }
            assert not any("".join(shown[name]) for name in secret if name in shown)
