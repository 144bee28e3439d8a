"""Nothing that anybody is called ever becomes a header or a recipient; a logo goes along inside of the mail."""

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest

from otae.delivery.mail.mime import LOGO_ADDRESS, Mail, MessageRefused, build, check_header, one_line
from otae.delivery.queue import outbox
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import NotificationTemplate, Person
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.servers.smtp import SMTPServer

BREAKING = [
    "Ben\r\nBcc: cleo@example.test",
    "Ben\nBcc: cleo@example.test",
    "Ben\rBcc: cleo@example.test",
    "Ben\u2028Bcc: cleo@example.test",
    "Ben\u2029Bcc: cleo@example.test",
    "Ben\x85Bcc: cleo@example.test",
    "Ben\x0bBcc: cleo@example.test",
    "Ben\x00",
    "=?utf-8?q?Ben=0ABcc:_cleo=40example.test?=",
    "=?utf-8?b?QmVuCkJjYzogY2xlb0BleGFtcGxlLnRlc3Q=?=",
    "Ben\u202egnp.exe",
    "\ud800",
    "Ben" * 200,
]
HARMLESS = [
    'Ben "the Mac" Example',
    "Example, Ben <cleo@example.test>",
    "team: ben@example.test, cleo@example.test;",
    "Bén Müller-Ößterreich 👩‍💻",
    "${enrollment.pin} {{ 7 * 7 }} {% include 'x' %} %s {0}",
]


@pytest.mark.parametrize("text", BREAKING)
@pytest.mark.parametrize("where", ["subject", "sender"])
def test_a_text_that_could_break_out_of_its_header_is_refused(text: str, where: str) -> None:
    subject = text if where == "subject" else "Enroll your Mac"
    sender = (text if where == "sender" else "Example GmbH", "it@example.test")
    with pytest.raises(MessageRefused):
        build(
            sender=sender,
            recipient="ben@example.test",
            subject=subject,
            text="x",
            html="x",
            message_id="<1.1@localhost>",
            now=NOW,
        )


@pytest.mark.parametrize(
    "address",
    [
        "ben@example.test, cleo@example.test",
        "ben@example.test>,<cleo@example.test",
        "team: ben@example.test;",
        '"ben\r\nRCPT TO:<cleo@example.test>"@example.test',
        "ben@example.test\nBcc: cleo@example.test",
        "Ben <ben@example.test>",
        "ben",
        "@example.test",
        "ben@",
        "ben@exa mple.test",
        "bén@example.test",
        "ben@example.test ORCPT=rfc822;cleo@example.test",
        "",
    ],
)
def test_only_a_plain_address_is_a_recipient(address: str) -> None:
    with pytest.raises(MessageRefused):
        build(
            sender=("Example GmbH", "it@example.test"),
            recipient=address,
            subject="Enroll your Mac",
            text="x",
            html=None,
            message_id="<1.1@localhost>",
            now=NOW,
        )


@pytest.mark.anyio
@pytest.mark.parametrize("name", [*BREAKING[:-2], *HARMLESS])
async def test_no_display_name_adds_a_header_or_a_recipient_at_a_real_server(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer, name: str
) -> None:
    await use_server(smtp_server)
    await NotificationTemplate.filter(kind="url").update(subject="${user.displayname}: enroll your Mac")
    ben = await invite("url", display_name=name.replace("\x00", "\x01"))
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    for mail in smtp_server.messages:
        assert mail.recipients == ("ben@example.test",)
        assert mail.message["To"] == "ben@example.test"
        assert mail.message["Bcc"] is None
        assert sorted(header.lower() for header in mail.message) == sorted([
            "subject", "from", "to", "date", "message-id", "auto-submitted", "mime-version", "content-type",
        ])  # fmt: skip
    assert ((await ben.reload()).status, len(smtp_server.messages)) == ("sent", 1)
    subject = str(smtp_server.messages[0].message["Subject"])
    assert subject.endswith(": enroll your Mac")
    assert not any(one in subject for one in "\r\n\x00\x85\u2028\u2029\u202e")


@pytest.mark.parametrize("name", BREAKING)
def test_one_line_of_any_value_may_stand_in_a_header(name: str) -> None:
    check_header(one_line(name)[:100] or "-", "subject")


@pytest.mark.parametrize("name", ["Bén Müller 👩‍💻", "می‌خواهم", "Zoë  O'Neil"])
def test_what_names_are_written_with_stays(name: str) -> None:
    assert one_line(name) == " ".join(name.split())


@pytest.mark.anyio
async def test_what_people_are_called_is_text_in_the_html_too(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    await properties.write("support.contact", "<script>alert(1)</script> & co")
    ben = await invite("url", display_name='<img src=x onerror="alert(1)">')
    await outbox.deliver(desk, ben.deliveries["url"].id, now=NOW)
    html = smtp_server.messages[0].message.get_body(("html",))
    assert html is not None
    content = html.get_content()
    assert "<script" not in content
    assert "<img" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; co" in content


@pytest.mark.anyio
async def test_a_message_is_small_and_says_where_until_when_and_whom_to_ask(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("url", "pin", "confirmation")
    for row in ben.deliveries.values():
        await outbox.deliver(desk, row.id, now=NOW)
    for mail in smtp_server.messages:
        assert len(mail.raw) < 30_000
        assert max(map(len, mail.raw.splitlines())) <= 78
        for kind in ("plain", "html"):
            body = mail.message.get_body((kind,))
            assert body is not None
            content = body.get_content()
            assert "Ben Example" in content
            assert "your IT department" in content
            assert "${" not in content
            assert "http://" not in content
    first = smtp_server.messages[0].message.get_body(("plain",))
    assert first is not None
    assert "until 24 November 2026, 10:00 UTC" in first.get_content()


@pytest.mark.anyio
async def test_a_property_of_the_person_goes_out_in_every_part_of_the_mail(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("confirmation")
    await Person.filter(id=ben.person.id).update(properties={"department": "R&D <Berlin>"})
    said = "${user.property.department}, ${user.property.floor 'no floor'}"
    await NotificationTemplate.filter(kind="confirmation").update(subject=said, text=said, html=f"<p>{said}</p>")
    await outbox.deliver(desk, ben.deliveries["confirmation"].id, now=NOW)
    (mail,) = smtp_server.messages
    plain, page = mail.message.get_body(("plain",)), mail.message.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert mail.message["Subject"] == "R&D <Berlin>, no floor"
    assert plain.get_content().strip() == "R&D <Berlin>, no floor"
    assert page.get_content().strip() == "<p>R&amp;D &lt;Berlin&gt;, no floor</p>"


def built(html: str | None, logo: bytes) -> Mail:
    return build(
        sender=("Example GmbH", "it@example.test"),
        recipient="ben@example.test",
        subject="Enroll your Mac",
        text="Hello",
        html=html,
        message_id="<1.1@localhost>",
        now=NOW,
        logo=logo,
    )


def parts(message: EmailMessage) -> list[EmailMessage]:
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def test_a_logo_goes_along_where_the_html_shows_it() -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 40
    page = f'<p><img src="{LOGO_ADDRESS}" alt=""></p>'
    content = built(page, png).content
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert isinstance(message, EmailMessage)
    assert message.get_content_type() == "multipart/alternative"
    plain, related = parts(message)
    assert plain.get_content_type() == "text/plain"
    assert (related.get_content_type(), related.get_param("type")) == ("multipart/related", "text/html")
    html, image = parts(related)
    assert html.get_content().strip() == page
    assert image.get_content() == png
    assert f"cid:{image['Content-ID'].strip('<>')}" == LOGO_ADDRESS
    assert image.get_content_disposition() == "inline"
    assert max(len(line) for line in content.split(b"\r\n")) <= 78
    assert b"\n" not in content.replace(b"\r\n", b"")


def test_a_mail_that_does_not_show_the_logo_goes_without() -> None:
    assert b"image/png" not in built("<p>Hello</p>", b"\x89PNG").content
    assert b"image/png" not in built(None, b"\x89PNG").content
