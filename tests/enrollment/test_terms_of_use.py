"""Terms of use at sign-in: nobody comes in without them, and what was accepted stays recorded."""

import pytest

from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE
from otae.enrollment.signin import SignInEntry, sign_in
from otae.errors import InputRefused
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Counter, EnrollmentSession, Event, Pin, PortalText
from tests.invitations.guests import PASSWORD, add_person, invite

pytestmark = pytest.mark.anyio

NETWORK = "203.0.113.9"


async def terms(text: str, language: str = "en") -> PortalText:
    saved = await portal_texts.save(TERMS_OF_USE, language, text, now=await database.now(), actor="ada")
    assert saved
    return saved


async def enter(desk: Desk, *, accepting: str = "", linked: bool = True) -> EnrollmentSession:
    if linked:
        made = await invite(desk)
        entry = SignInEntry("ben", PASSWORD, made.pin or "", made.invitation, NETWORK, terms_of_use=accepting)
    else:
        await add_person(desk)
        entry = SignInEntry("ben", PASSWORD, network=NETWORK, terms_of_use=accepting)
    return await sign_in(desk, entry, now=await database.now())


@pytest.mark.parametrize("linked", [True, False])
async def test_what_was_accepted_stands_in_the_session_and_the_timeline(desk: Desk, linked: bool) -> None:
    shown = await terms("Be kind.")
    session = await EnrollmentSession.get(id=(await enter(desk, accepting=shown.sha256, linked=linked)).id)
    kept = (session.terms_of_use_language, session.terms_of_use_version, session.terms_of_use_sha256)
    assert kept == ("en", 1, shown.sha256)
    event = await Event.get(kind="terms-of-use.accepted")
    assert event.session_id == session.id
    assert event.invitation_id == session.invitation_id
    assert event.detail == f"version 1 (en), SHA-256 {shown.sha256}"


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("accepting", ["", "0" * 64])
async def test_nobody_comes_in_without_the_terms_and_no_try_is_spent(desk: Desk, linked: bool, accepting: str) -> None:
    await terms("Be kind.")
    with pytest.raises(InputRefused) as caught:
        await enter(desk, accepting=accepting, linked=linked)
    words = "have changed since you read them" if accepting else "Please read and accept"
    assert words in caught.value.fields["terms_of_use"]
    assert await EnrollmentSession.all().count() == 0
    assert await Counter.all().count() == 0
    assert not await Pin.filter(link_tries__gt=0).exists()


async def test_terms_that_changed_after_they_were_read_are_not_accepted(desk: Desk) -> None:
    read = await terms("Be kind.")
    await terms("Be very kind.")
    with pytest.raises(InputRefused):
        await enter(desk, accepting=read.sha256)


async def test_the_terms_of_any_language_may_be_accepted(desk: Desk) -> None:
    await terms("Be kind.")
    german = await terms("Seien Sie freundlich.", "de")
    assert (await enter(desk, accepting=german.sha256)).terms_of_use_language == "de"


async def test_the_acceptance_outlives_the_text(desk: Desk) -> None:
    shown = await terms("Be kind.")
    session = await enter(desk, accepting=shown.sha256)
    await portal_texts.save(TERMS_OF_USE, "en", "", now=await database.now(), actor="ada")
    assert (await EnrollmentSession.get(id=session.id)).terms_of_use_sha256 == shown.sha256
    later = await enter(desk, accepting=shown.sha256, linked=True)
    assert later.terms_of_use_sha256 is None, "there is nothing to accept any more"
