"""What Macs, directories, mail servers and administrators write is only ever text: nothing runs, nothing is fetched."""

from datetime import datetime
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from playwright.async_api import ConsoleMessage, Page, Response
from starlette.routing import Route

from otae.delivery.catcher import MailCatcher
from otae.delivery.mail.mime import build
from otae.invitations import lifecycle
from otae.store import properties
from otae.store.models import (
    AuditEntry,
    CaughtMail,
    Delivery,
    Device,
    DirectoryServer,
    Enrollment,
    Event,
    Invitation,
    NotificationServer,
    NotificationTemplate,
    Person,
)
from otae.store.records import about, note
from otae.web import routes
from tests.browser.conftest import Served
from tests.enrollment import lab
from tests.enrollment.lab import LabMac

pytestmark = pytest.mark.anyio

#: Ways in which text has become script elsewhere; each would show a dialog, or fetch something from /stolen.
PAYLOADS = (
    "<script>alert(1)</script>",
    "\"'><img src=/stolen onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "</title></textarea></select><iframe srcdoc='<script>alert(1)</script>'>",
    '"><b hx-get="/stolen" hx-trigger="load" hx-on:load="alert(1)">',
    "' autofocus onfocus=alert(1) x='",
    '<a href="javascript:alert(1)" data-confirm="x">x</a>',
    "{{7*7}}${7*7}<%= 7*7 %>",
)


async def nothing() -> None:
    """A catcher announces nothing."""


async def poison(served: Served, invited: lifecycle.Created, now: datetime, payload: str) -> None:
    """Put ``payload`` wherever somebody's text is kept, past every check on the way in."""
    await Person.all().update(display_name=payload[:200], email=payload[:200], phone=payload[:32])
    await Device.all().update(
        name=payload, model=payload[:64], model_name=payload[:100], os_version=payload[:32], serial=payload[:32]
    )
    await Invitation.all().update(serial=payload[:32], created_by=payload[:100])
    await NotificationServer.all().update(name=payload[:100], host=payload[:100], from_name=payload[:100])
    await DirectoryServer.all().update(
        domain=payload[:100],
        alias=payload[:99],
        primary_host=payload,
        bind_name=payload,
        user_base=payload,
        ca_pem=payload,
    )
    await NotificationTemplate.all().update(subject=payload, text=payload, html=payload)
    await properties.write("organization.name", payload)
    await properties.write("support.contact", payload)
    for kind in ("delivery.failed", "signin.failed", "refused", "link.opened", "unheard of"):
        await note(kind, now=now, about=about(invited.invitation), detail=f"url: {payload}", actor=payload[:100])
    await Event.all().update(detail=payload)
    await AuditEntry.all().update(actor=payload[:100], subject=payload[:200], detail=payload)
    await Delivery.all().update(recipient=payload[:200])
    message = build(
        sender=("Example", "it@example.test"),
        recipient="ben@example.test",
        subject=payload.replace("=", "-"),
        text=payload,
        html=payload,
        message_id=f"<{uuid4()}@example.test>",
        now=now,
    )
    await MailCatcher(served.desk, now, False).send(message, "ben@example.test", nothing)  # noqa: FBT003 - positional there


#: Pages with such a cage on them.
CAGED = (
    "part=html",
    "/admin/templates/",
    "/admin/invitations/add",
    "/admin/group-invitations/add",
    "/admin/group-invitations/csv/upload",
    "/admin/campaigns/add",
)


async def pages(invited: lifecycle.Created, mac: LabMac) -> list[str]:
    """Every page that can be read without a script, and what hangs on one row."""
    plain = [route.path for route in routes.routes() if isinstance(route, Route) and "GET" in (route.methods or ())]
    mail = (await CaughtMail.all().order_by("-caught_at").first()) or CaughtMail()
    server, template = await NotificationServer.all().first(), await NotificationTemplate.all().first()
    directory = await DirectoryServer.all().first()
    assert server is not None
    assert template is not None
    assert directory is not None
    return [
        *[path for path in plain if path.startswith(("/admin", "/zdm/macos/otae/login")) and "{" not in path],
        f"/admin/invitations/{invited.invitation.id}",
        "/admin/invitations?search=" + "%3Cscript%3Ealert(1)%3C/script%3E",
        f"/admin/users/{(await Person.get(name='ben')).id}",
        f"/admin/devices/{mac.udid}",
        f"/admin/mail/{mail.id}",
        f"/admin/mail/{mail.id}?part=html",
        f"/admin/notification-servers/{server.id}",
        f"/admin/directories/{directory.id}",
        f"/admin/templates/{template.id}",
        "/admin/properties/organization.name",
        "/admin/%3Cscript%3Ealert(1)%3C",
        "/zdm/macos/otae/login?e=%3Cscript%3Ealert(1)%3C/script%3E",
    ]


@pytest.mark.parametrize("payload", PAYLOADS)
async def test_what_anybody_wrote_is_only_ever_text(
    served: Served, console: Page, invited: lifecycle.Created, now: datetime, payload: str
) -> None:
    mac = LabMac()
    topic = await mac.install_profile(served.desk, await lab.signed_in(served.desk, now, "cleo", way="profile"), now)
    await mac.authenticate(served.desk, now, topic)
    await mac.token_update(served.desk, now, topic)
    assert await Enrollment.all().count() == 1
    await NotificationServer(
        name="mail", host="mail.example.test", from_name="x", from_email="x@example.test", created_at=now, active=True
    ).save()
    await DirectoryServer(
        domain="x", kind="ldap", primary_host="x", user_base="x", group_base="x", created_at=now
    ).save()
    await poison(served, invited, now, payload)
    broken: list[str] = []
    console.on("dialog", lambda dialog: broken.append(f"dialog on {console.url}: {dialog.message}"))
    console.on("pageerror", lambda error: broken.append(f"{console.url}: {error}"))

    def answered(response: Response) -> None:
        if "stolen" in urlsplit(response.url).path:
            broken.append(f"{console.url} fetched {response.url}")

    def complained(line: ConsoleMessage) -> None:
        # The HTML of a mail or a template is shown in a cage whose own policy speaks up: that is the cage at work.
        caged = line.text.startswith("Loading the image") and any(cage in console.url for cage in CAGED)
        if "Content Security" in line.text and not caged:
            broken.append(f"{console.url}: {line.text}")

    console.on("response", answered)
    console.on("console", complained)
    for path in await pages(invited, mac):
        if path.endswith("/export"):  # a file, which no browser shows
            continue
        answer = await console.goto(f"{served.origin}{path}", wait_until="load")
        assert answer is None or answer.status < 500, path
        assert "49" not in (await console.title()) or "7*7" not in payload
    assert broken == []
