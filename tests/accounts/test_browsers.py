"""Signed-in browsers: a new id each time, an end that comes by itself, and nothing in the table to sign in with."""

from datetime import datetime, timedelta

import pytest

from otae.accounts import administrators, browsers
from otae.accounts.browsers import CONSOLE, PORTAL, SELF_SERVICE, close_all, close_browser, find_browser, open_browser
from otae.directory.local import people
from otae.enrollment.sessions import open_session
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Administrator, BrowserSession, EnrollmentSession, Person

pytestmark = pytest.mark.anyio


async def add_ada(desk: Desk, now: datetime) -> Administrator:
    return await administrators.create_administrator(
        desk, name="ada", password="correct horse battery", now=now, actor="command line"
    )


async def open_ben(desk: Desk, now: datetime) -> EnrollmentSession:
    ben = await people.add_person(desk, name="ben", now=now, actor="ada")
    return await open_session(person=ben, invitation=None, mode="username_password", ownership="employee", now=now)


async def test_a_browser_is_found_by_its_secret_alone(desk: Desk) -> None:
    now = await database.now()
    secret = await open_browser(CONSOLE, await add_ada(desk, now), now=now)
    assert len(secret) >= 43
    assert not await BrowserSession.filter(secret_hash=secret).exists()
    found = await find_browser(secret, CONSOLE, now=now)
    assert found is not None
    assert found.administrator is not None
    assert found.administrator.name == "ada"
    assert await find_browser(secret, PORTAL, now=now) is None
    for wrong in ("", secret[:-1], found.secret_hash, "\ud800"):
        assert await find_browser(wrong, CONSOLE, now=now) is None


async def test_signing_in_again_gives_a_new_id_and_ends_the_old_one(desk: Desk) -> None:
    now = await database.now()
    ada = await add_ada(desk, now)
    first = await open_browser(CONSOLE, ada, now=now)
    second = await open_browser(CONSOLE, ada, now=now, replacing=first)
    assert first != second
    assert await find_browser(first, CONSOLE, now=now) is None
    await close_browser(second)
    assert await find_browser(second, CONSOLE, now=now) is None


async def test_a_console_ends_when_left_alone_and_after_twelve_hours(desk: Desk) -> None:
    now = await database.now()
    secret = await open_browser(CONSOLE, await add_ada(desk, now), now=now)
    for step in range(1, 25):
        assert await find_browser(secret, CONSOLE, now=now + step * timedelta(minutes=29)) is not None
    assert await find_browser(secret, CONSOLE, now=now + timedelta(hours=12)) is None
    secret = await open_browser(CONSOLE, await Administrator.get(name="ada"), now=now)
    assert await find_browser(secret, CONSOLE, now=now + timedelta(minutes=30)) is None


async def test_a_page_that_asks_by_itself_keeps_nobody_signed_in(desk: Desk) -> None:
    now = await database.now()
    secret = await open_browser(CONSOLE, await add_ada(desk, now), now=now)
    for minutes in (10, 20, 29):
        assert await find_browser(secret, CONSOLE, now=now + timedelta(minutes=minutes), touch=False) is not None
    assert await find_browser(secret, CONSOLE, now=now + timedelta(minutes=30), touch=False) is None


async def test_being_seen_is_written_once_a_minute(desk: Desk) -> None:
    now = await database.now()
    secret = await open_browser(CONSOLE, await add_ada(desk, now), now=now)
    await find_browser(secret, CONSOLE, now=now + timedelta(seconds=59))
    assert (await BrowserSession.get()).seen_at == now
    await find_browser(secret, CONSOLE, now=now + timedelta(seconds=61))
    assert (await BrowserSession.get()).seen_at == now + timedelta(seconds=61)


async def test_a_disabled_administrator_is_out_at_once(desk: Desk) -> None:
    now = await database.now()
    ada = await add_ada(desk, now)
    secret, other = [await open_browser(CONSOLE, ada, now=now) for _ in range(2)]
    await Administrator.filter(id=ada.id).update(disabled=True)
    assert await find_browser(secret, CONSOLE, now=now) is None
    await Administrator.filter(id=ada.id).update(disabled=False)
    await close_all(ada)
    assert await find_browser(other, CONSOLE, now=now) is None


async def test_a_portal_shows_its_session_and_for_an_hour_what_became_of_it(desk: Desk) -> None:
    now = await database.now()
    session = await open_ben(desk, now)
    secret = await open_browser(PORTAL, session, now=now)
    found = await find_browser(secret, PORTAL, now=now + timedelta(minutes=119))
    assert found is not None
    assert found.session is not None
    assert (found.session.id, found.session.person.name) == (session.id, "ben")
    assert await find_browser(secret, CONSOLE, now=now) is None
    assert await find_browser(secret, PORTAL, now=now + timedelta(minutes=120)) is None
    await Person.filter(name="ben").update(disabled=True)
    assert await find_browser(secret, PORTAL, now=now) is None


async def test_a_self_service_page_opens_nothing_else_and_ends_as_a_console_does(desk: Desk) -> None:
    now = await database.now()
    ben = await people.add_person(desk, name="ben", now=now, actor="ada")
    secret = await open_browser(SELF_SERVICE, ben, now=now)
    for kind in (CONSOLE, PORTAL):
        assert await find_browser(secret, kind, now=now) is None
    found = await browsers.find_person(desk, secret, now=now)
    assert found is not None
    assert found[0].id == ben.id
    assert await browsers.find_person(desk, secret, now=now + timedelta(minutes=31)) is None
    await Person.filter(id=ben.id).update(disabled=True)
    assert await browsers.find_person(desk, secret, now=now) is None
    await Person.filter(id=ben.id).update(disabled=False)
    await people.sign_out(ben.id)
    assert await browsers.find_person(desk, secret, now=now) is None
    with pytest.raises(ValueError, match="person"):
        await open_browser(PORTAL, ben, now=now)


async def test_old_rows_are_forgotten(desk: Desk) -> None:
    now = await database.now()
    await open_browser(CONSOLE, await add_ada(desk, now), now=now)
    await open_browser(PORTAL, await open_ben(desk, now), now=now)
    assert await browsers.forget_old(now) == 0
    assert await browsers.forget_old(now + timedelta(hours=2)) == 1
    assert await browsers.forget_old(now + timedelta(hours=13)) == 1


async def test_each_kind_of_browser_has_its_owner(desk: Desk) -> None:
    now = await database.now()
    with pytest.raises(ValueError, match="console"):
        await open_browser(PORTAL, await add_ada(desk, now), now=now)
    with pytest.raises(ValueError, match="portal"):
        await open_browser(CONSOLE, await open_ben(desk, now), now=now)
