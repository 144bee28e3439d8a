"""What a delivery says: in the invitation's words, language and values, as a mail and as a text message."""

import dataclasses
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from cryptography.hazmat.primitives import hashes

from otae.authority import issuers
from otae.delivery.mail.mime import LOGO_ADDRESS, MessageRefused
from otae.delivery.sms.parts import measure
from otae.delivery.texts import template_editing, templates
from otae.delivery.texts.compose import MOST_PARTS, load_message_data, preview
from otae.delivery.texts.default_texts import Wording, default_wording
from otae.delivery.texts.kinds import ADMINISTRATIVE, KINDS
from otae.settings import Settings
from otae.store import properties
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation, Logo, NotificationTemplate, Person, TemplateTranslation
from tests.delivery.conftest import NOW, PIN, TOKEN, Invite

pytestmark = pytest.mark.anyio


@pytest.fixture
def settings(sqlite_settings: Settings) -> Settings:
    """Words are put together alike on either database."""
    return sqlite_settings


HOSTILE = ["Ben\r\nBcc: cleo@example.test", "\u202enimda\u202c", "👩‍💻" * 60, "=?utf-8?q?Ben?=", "\x00\x1b[31m"]


async def sms(desk: Desk, delivery: Delivery) -> str:
    invitation = await Invitation.get(id=delivery.invitation_id).select_related("person")
    return (await load_message_data(desk, [(delivery, invitation)], NOW)).sms(delivery, invitation)


async def texts(desk: Desk, delivery: Delivery) -> tuple[str, str]:
    """Return subject and text of the mail."""
    invitation = await Invitation.get(id=delivery.invitation_id).select_related("person")
    mail = (await load_message_data(desk, [(delivery, invitation)], NOW)).mail(delivery, invitation, now=NOW)
    read = BytesParser(policy=policy.default).parsebytes(mail.content)
    assert isinstance(read, EmailMessage)
    body = read.get_body(("plain",))
    assert body is not None
    return str(read["Subject"]), body.get_content().replace("\r\n", "\n")


async def translated(desk: Desk, kind: str, language: str, said: str) -> NotificationTemplate:
    row = await templates.default_template(kind)
    await template_editing.translate(row, language, now=NOW, actor="ada")
    needed = "${enrollment.url}" if kind == "url" else ""
    wanted = Wording(said, f"{said} {needed}", f"{said} {needed}", f"{said} {needed}")
    await template_editing.reword(row, wanted, now=NOW, actor="ada", language=language)
    return row


@pytest.mark.parametrize(("kind", "secret"), [("url", TOKEN), ("pin", PIN), ("reminder-1", TOKEN)])
async def test_a_text_message_holds_what_it_is_sent_for(desk: Desk, invite: Invite, kind: str, secret: str) -> None:
    said = await sms(desk, (await invite(kind)).deliveries[kind])
    assert secret in said
    assert "${" not in said
    assert measure(said).parts <= 2


@pytest.mark.parametrize(("language", "words"), [("en", "Your browser will warn"), ("de", "Ihr Browser wird warnen")])
async def test_the_mail_prepares_for_the_warning_that_the_browser_will_show(
    desk: Desk, invite: Invite, language: str, words: str
) -> None:
    ben = await invite("url")
    await Invitation.filter(id=ben.invitation.id).update(language=language)
    _, said = await texts(desk, ben.deliveries["url"])
    assert words in said
    assert said.index(words) < said.index((await issuers.root()).fingerprint(hashes.SHA256()).hex()[:4].upper())
    routed = dataclasses.replace(desk, settings=desk.settings.model_copy(update={"port": 5000}))
    _, said = await texts(routed, ben.deliveries["url"])
    assert words not in said
    assert "\n\n\n" not in said


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ADMINISTRATIVE])
async def test_every_default_text_message_is_plain_and_short(desk: Desk, invite: Invite, kind: str) -> None:
    said = await sms(desk, (await invite(kind)).deliveries[kind])
    assert not measure(said).unicode
    assert measure(said).parts <= 2
    assert "\n" not in said


async def test_a_template_without_a_text_message_says_what_the_default_one_does(desk: Desk, invite: Invite) -> None:
    ben = await invite("url")
    before = await sms(desk, ben.deliveries["url"])
    await NotificationTemplate.filter(kind="url").update(sms="")
    assert await sms(desk, ben.deliveries["url"]) == before
    await templates.ensure_templates()
    assert (await templates.default_template("url")).sms == default_wording("url").sms


async def test_a_notice_is_no_text_message_and_a_wiped_pin_none_either(desk: Desk, invite: Invite) -> None:
    ben = await invite("pin", "notice")
    with pytest.raises(MessageRefused, match="there is none of the kind notice"):
        await sms(desk, ben.deliveries["notice"])
    await Invitation.filter(id=ben.invitation.id).update(generation=2)
    ben.deliveries["pin"].generation = 2
    with pytest.raises(MessageRefused, match="no longer exists"):
        await sms(desk, ben.deliveries["pin"])


async def test_a_text_message_of_too_many_parts_is_not_sent(desk: Desk, invite: Invite) -> None:
    ben = await invite("confirmation")
    await NotificationTemplate.filter(kind="confirmation").update(sms="ж" * 67 * MOST_PARTS)
    assert measure(await sms(desk, ben.deliveries["confirmation"])).parts == MOST_PARTS
    await NotificationTemplate.filter(kind="confirmation").update(sms="ж" * (67 * MOST_PARTS + 1))
    with pytest.raises(MessageRefused, match="longer than"):
        await sms(desk, ben.deliveries["confirmation"])


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_name_breaks_a_text_message(desk: Desk, invite: Invite, name: str) -> None:
    await NotificationTemplate.filter(kind="confirmation").update(
        sms="Hi ${user.displayname}, note: ${invitation.note}"
    )
    ben = await invite("confirmation", display_name=name.replace("\x00", "\x01"))
    await Invitation.filter(id=ben.invitation.id).update(note="one\ntwo " + "x" * 400)
    said = await sms(desk, ben.deliveries["confirmation"])
    assert said.isprintable() or "\u200d" in said
    assert "note: one two x" in said
    assert len(said) < 250


async def test_name_and_addresses_are_those_of_the_invitation(desk: Desk, invite: Invite) -> None:
    ben = await invite("confirmation")
    await NotificationTemplate.filter(kind="confirmation").update(
        subject="${user.displayname}", text="${user.mail} ${user.phone} ${invitation.note 'no note'}"
    )
    assert await texts(desk, ben.deliveries["confirmation"]) == ("Ben Example", "ben@example.test  no note\n")
    as_invited = {"display_name": "Benjamin", "email": "b@example.test", "phone": "+4930123456", "note": "Hurry"}
    await Invitation.filter(id=ben.invitation.id).update(**as_invited)
    subject, text = await texts(desk, ben.deliveries["confirmation"])
    assert (subject, text) == ("Benjamin", "b@example.test +4930123456 Hurry\n")


async def test_properties_of_the_person_are_said_on_one_line_and_escaped(desk: Desk, invite: Invite) -> None:
    ben = await invite("confirmation")
    properties = {"department": "R&D\nBcc: cleo@example.test", "floor": "\u202e4", "disabled-in-directory": "yes"}
    await Person.filter(id=ben.person.id).update(properties=properties)
    said = "${user.property.department} ${user.property.floor} ${user.property.desk 'no desk'}"
    await NotificationTemplate.filter(kind="confirmation").update(
        subject=said, text=f"{said} ${{user.property.disabled-in-directory}}.", html=f"<p>{said}</p>", sms=said
    )
    ended = "R&D Bcc: cleo@example.test 4 no desk"
    assert await texts(desk, ben.deliveries["confirmation"]) == (ended, f"{ended} .\n")
    assert await sms(desk, ben.deliveries["confirmation"]) == ended


@pytest.mark.parametrize(
    ("person", "invited", "house", "said"),
    [
        ("", "", "", "own"),
        ("de", "", "", "Deutsch"),
        ("fr", "de", "", "Deutsch"),
        ("de-AT", "", "", "Deutsch"),
        ("pt-BR", "", "", "Brasil"),
        ("pt", "", "", "Brasil"),
        ("fr", "", "de", "Deutsch"),
        ("", "", "de-CH", "Deutsch"),
        ("en", "", "de", "own"),
        ("en-GB", "", "de", "own"),
    ],
)
async def test_each_person_is_written_to_in_the_language_that_fits_best(
    desk: Desk, invite: Invite, person: str, invited: str, house: str, said: str
) -> None:
    await NotificationTemplate.filter(kind="confirmation").update(subject="own")
    await translated(desk, "confirmation", "de", "Deutsch")
    await translated(desk, "confirmation", "pt-BR", "Brasil")
    await properties.write("notification.language", house)
    ben = await invite("confirmation")
    await Person.filter(id=ben.person.id).update(language=person)
    await Invitation.filter(id=ben.invitation.id).update(language=invited)
    assert (await texts(desk, ben.deliveries["confirmation"]))[0] == said
    assert (await sms(desk, ben.deliveries["confirmation"])).startswith(said) == (said != "own")


async def test_what_the_product_says_itself_follows_the_language(desk: Desk, invite: Invite) -> None:
    await properties.write("organization.timezone", "Europe/Berlin")
    row = await translated(desk, "url", "de", "Hallo")
    said = Wording("Hallo", "${enrollment.url}|${enrollment.mode}|${enrollment.expires}", "${enrollment.url}")
    await template_editing.reword(row, said, now=NOW, actor="ada", language="de")
    ben = await invite("url")
    await Person.all().update(language="de")
    text = (await texts(desk, ben.deliveries["url"]))[1]
    assert text.split("|")[1:] == ["Ihren Benutzernamen, Ihr Passwort und Ihre PIN", "24. November 2026, 11:00 MEZ\n"]


async def test_a_template_of_ones_own_has_languages_of_its_own(desk: Desk, invite: Invite) -> None:
    system = await translated(desk, "url", "de", "Hallo")
    mine = await template_editing.clone(system, "mine", now=NOW, actor="ada")
    await TemplateTranslation.filter(template_id=mine.id).update(subject="Moin")
    ben = await invite("url")
    await Invitation.filter(id=ben.invitation.id).update(language="de", url_template_id=mine.id)
    assert (await texts(desk, ben.deliveries["url"]))[0] == "Moin"
    assert (await TemplateTranslation.get(template_id=system.id)).subject == "Hallo"
    await template_editing.remove(mine, now=NOW, actor="ada")
    assert (await texts(desk, ben.deliveries["url"]))[0] == "Hallo"


async def test_a_preview_says_what_goes_out_by_which_way_and_keeps_link_and_pin_open(
    desk: Desk, invite: Invite
) -> None:
    ben = await invite("url")
    await Invitation.filter(id=ben.invitation.id).update(note="Before Friday")
    invitation = await Invitation.get(id=ben.invitation.id).select_related("person")
    mail = await preview(desk, invitation, "url")
    assert "Before Friday" in mail.text
    assert "/zdm/su?e=ep-…" in mail.text
    text = await preview(desk, invitation, "pin", channel="sms")
    assert (text.subject, "••••••••" in text.text, "\n" in text.text) == ("", True, False)


async def test_mails_have_the_logo_and_the_colour_of_the_organization(desk: Desk, invite: Invite) -> None:
    delivery = (await invite("url")).deliveries["url"]
    invitation = await Invitation.get(id=delivery.invitation_id).select_related("person")

    async def composed() -> bytes:
        data = await load_message_data(desk, [(delivery, invitation)], NOW)
        return data.mail(delivery, invitation, now=NOW).content

    def html_of(content: bytes) -> str:
        read = BytesParser(policy=policy.default).parsebytes(content)
        assert isinstance(read, EmailMessage)
        body = read.get_body(("html",))
        assert body is not None
        return str(body.get_content())

    plain = await composed()
    assert b"image/png" not in plain
    assert "background-color:#1f5fbf" in html_of(plain)
    assert "${server" not in html_of(plain)
    await properties.write("branding.accent", "#7a0000")
    image = b"\x89PNG\r\n\x1a\n" + bytes(11_900)
    await Logo(theme="light", image=image, sha256="ab" * 32, width=480, height=120).save(force_create=True)
    branded = await composed()
    assert "background-color:#7a0000" in html_of(branded)
    assert f'<img src="{LOGO_ADDRESS}" alt="" width="160" height="40"' in html_of(branded)
    assert len(branded) < 30_000
