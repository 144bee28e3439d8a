"""A caught mail is opened on the record."""

from uuid import uuid4

import pytest

from otae.delivery import catcher
from otae.delivery.catcher import MailCatcher
from otae.delivery.mail.mime import LOGO_ADDRESS, build
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import AuditEntry, CaughtMail

pytestmark = pytest.mark.anyio


async def nothing() -> None:
    """A catcher announces nothing."""


async def test_headers_and_both_parts_are_read_and_the_reader_is_recorded(desk: Desk) -> None:
    now = await database.now()
    message = build(
        sender=("Example", "it@example.test"),
        recipient="ben@example.test",
        subject="Grüße",
        text="Your PIN: 91736450\n",
        html="<p>Your PIN: 91736450</p>\n",
        message_id="<1@example.test>",
        now=now,
    )
    await MailCatcher(desk, now).send(message, "ben@example.test", nothing)
    mail = await catcher.read_caught(desk, (await CaughtMail.get()).id, now=now, actor="ada")
    assert mail is not None
    assert mail.text.strip() == "Your PIN: 91736450"
    assert mail.html.strip() == "<p>Your PIN: 91736450</p>"
    assert ("Subject", "Grüße") in mail.headers
    assert "91736450" not in repr(mail)
    assert await AuditEntry.filter(actor="ada", action="mail.opened", subject=str(mail.id)).count() == 1


async def test_a_mail_that_is_not_kept_leaves_no_entry(desk: Desk) -> None:
    assert await catcher.read_caught(desk, uuid4(), now=await database.now(), actor="ada") is None
    assert await AuditEntry.filter(action="mail.opened").count() == 0


async def test_the_logo_that_goes_along_is_shown_with_the_mail(desk: Desk) -> None:
    now = await database.now()
    message = build(
        sender=("Example", "it@example.test"),
        recipient="ben@example.test",
        subject="Your Mac",
        text="Hello",
        html=f'<img src="{LOGO_ADDRESS}" alt="">',
        message_id="<1@example.test>",
        now=now,
        logo=b"\x89PNG",
    )
    await MailCatcher(desk, now).send(message, "ben@example.test", nothing)
    mail = await catcher.read_caught(desk, (await CaughtMail.get()).id, now=now, actor="ada")
    assert mail is not None
    assert mail.html.strip() == '<img src="data:image/png;base64,iVBORw==" alt="">'
