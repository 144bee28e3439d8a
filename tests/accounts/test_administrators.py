"""Administrators: the setup link works once, passwords are worth something, guessing is slow and says nothing."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from otae.accounts import administrators
from otae.accounts.password_strength import check_password
from otae.errors import InputRefused, SetupLinkUnknown, SigninFailed, SlowDown
from otae.store import database, passwords
from otae.store.desk import Desk
from otae.store.models import Administrator, AuditEntry, SetupLink

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "203.0.113.9", "198.51.100.7"


async def add_ada(desk: Desk) -> Administrator:
    now = await database.now()
    return await administrators.create_administrator(desk, name="Ada", password=PASSWORD, now=now, actor="command line")


def token_of(url: str) -> str:
    return url.partition("?s=")[2]


async def test_an_administrator_signs_in(desk: Desk) -> None:
    ada, now = await add_ada(desk), await database.now()
    assert (ada.name, ada.role) == ("ada", "ADMIN")
    assert (await administrators.sign_in(desk, " ADA ", PASSWORD, HERE, now=now)).id == ada.id
    assert await AuditEntry.exists(action="administrator.signed-in", actor="ada")
    with pytest.raises(InputRefused, match="name"):
        await add_ada(desk)


async def test_there_is_no_account_to_begin_with(desk: Desk) -> None:
    assert not await administrators.any_administrator()
    for name in ("admin", "administrator", "root", ""):
        with pytest.raises(SigninFailed):
            await administrators.sign_in(desk, name, "admin", HERE, now=await database.now())


async def test_wrong_unknown_and_disabled_cost_and_answer_alike(
    desk: Desk, count_calls: Callable[[object, str], list[tuple[object, ...]]]
) -> None:
    await add_ada(desk)
    await administrators.create_administrator(
        desk, name="dora", password=PASSWORD, now=await database.now(), actor="ada"
    )
    await Administrator.filter(name="dora").update(disabled=True)
    calls, answers = count_calls(passwords, "verify_secret"), set()
    for name, password in (("ada", "wrong"), ("nobody", PASSWORD), ("dora", PASSWORD), ("\0", "x"), ("\ud800", "x")):
        calls.clear()
        with pytest.raises(SigninFailed) as caught:
            await administrators.sign_in(desk, name, password, HERE, now=await database.now())
        assert len(calls) == 1
        answers.add(str(caught.value))
    assert len(answers) == 1


async def test_guessing_is_slowed_by_name_and_network_and_never_locks_out(desk: Desk) -> None:
    await add_ada(desk)
    now = await database.now()
    for name in ("ada", "nobody"):
        results = await asyncio.gather(
            *(administrators.sign_in(desk, name, "wrong", HERE, now=now) for _ in range(20)), return_exceptions=True
        )
        assert len([result for result in results if isinstance(result, SigninFailed)]) == 3
        assert len([result for result in results if isinstance(result, SlowDown)]) == 17
    with pytest.raises(SlowDown):
        await administrators.sign_in(desk, "ada", PASSWORD, HERE, now=now)
    await administrators.sign_in(desk, "ada", PASSWORD, ELSEWHERE, now=now)
    await administrators.sign_in(desk, "ada", PASSWORD, HERE, now=now + timedelta(minutes=16))


async def test_the_first_link_makes_the_first_administrator_once(desk: Desk) -> None:
    now = await database.now()
    url = await administrators.new_setup_link(desk, now=now)
    spare = await administrators.new_setup_link(desk, now=now)
    assert url.startswith(f"{desk.settings.public_url}/admin/setup?s=")
    assert not await SetupLink.filter(token_hash=token_of(url)).exists(), "only its hash is kept"
    with pytest.raises(InputRefused):
        await administrators.use_setup_link(desk, token_of(url), "ada", "short", now=now)
    ada = await administrators.use_setup_link(desk, token_of(url), "ada", PASSWORD, now=now)
    assert (await administrators.sign_in(desk, "ada", PASSWORD, HERE, now=now)).id == ada.id
    for link in (url, spare, "https://localhost/?s=nothing", "?s=\ud800"):
        with pytest.raises(SetupLinkUnknown):
            await administrators.use_setup_link(desk, token_of(link), "cleo", PASSWORD, now=now)
    assert await Administrator.all().count() == 1


async def test_a_first_link_is_worth_nothing_once_there_is_an_administrator(desk: Desk) -> None:
    now = await database.now()
    url = await administrators.new_setup_link(desk, now=now)
    await add_ada(desk)
    with pytest.raises(SetupLinkUnknown):
        await administrators.find_setup_link(token_of(url), now=now)


async def test_a_link_ends_after_a_day(desk: Desk) -> None:
    now = await database.now()
    token = token_of(await administrators.new_setup_link(desk, now=now))
    await administrators.find_setup_link(token, now=now + timedelta(hours=23))
    with pytest.raises(SetupLinkUnknown):
        await administrators.use_setup_link(desk, token, "ada", PASSWORD, now=now + timedelta(hours=24))


async def test_a_link_made_for_somebody_makes_that_administrator(desk: Desk) -> None:
    await add_ada(desk)
    now = await database.now()
    url = await administrators.new_setup_link(desk, now=now, name="Dora")
    dora = await administrators.use_setup_link(desk, token_of(url), "cleo", PASSWORD, now=now)
    assert dora.name == "dora"
    with pytest.raises(InputRefused):
        await administrators.new_setup_link(desk, now=now, name="ada")


async def test_twenty_uses_of_two_first_links_make_one_administrator(desk: Desk) -> None:
    now = await database.now()
    links = [token_of(await administrators.new_setup_link(desk, now=now)) for _ in range(2)]
    uses = [
        administrators.use_setup_link(desk, links[number % 2], f"ada{number}", PASSWORD, now=now)
        for number in range(20)
    ]
    results = await asyncio.gather(*uses, return_exceptions=True)
    assert len([result for result in results if isinstance(result, Administrator)]) == 1
    assert len([result for result in results if isinstance(result, SetupLinkUnknown)]) == 19
    assert await Administrator.all().count() == 1


@pytest.mark.parametrize(
    "password",
    [
        "elevenchars",
        "x" * 257,
        "password1234",
        "P@ssw0rd!!!!!",
        "pass word 1234",
        "aaaaaaaaaaaaa",
        "abcabcabcabcabc",
        "qwertyuiopas",
        "lkjhgfdsapoiu",
        "890123456789",
        "ada.lovelace",
        "Ada.Lovelace",
        "ada.lovelace2026",
        "ecalevol.ada",
    ],
)
def test_what_anybody_would_try_first_is_refused(password: str) -> None:
    with pytest.raises(InputRefused) as refused:
        check_password("ada.lovelace", password)
    assert set(refused.value.fields) == {"password"}


@pytest.mark.parametrize("password", [PASSWORD, "zwölf Zeichen", "nine-tall-poplars"])
def test_a_few_words_are_taken(password: str) -> None:
    check_password("ada", password)


async def test_processes_that_start_at_once_print_one_link_and_later_ones_none(desk: Desk) -> None:
    now = await database.now()
    given = await asyncio.gather(*(administrators.first_setup_link(desk, now=now) for _ in range(4)))
    [link] = [each for each in given if each]
    assert await administrators.first_setup_link(desk, now=now) is None
    another = await administrators.replace_first_setup_link(desk, now=now)
    with pytest.raises(SetupLinkUnknown):
        await administrators.find_setup_link(token_of(link), now=now)
    later = await administrators.first_setup_link(desk, now=now + timedelta(hours=25))
    assert later, "one that has ended is worth nothing"
    await administrators.use_setup_link(desk, token_of(another), "ada", PASSWORD, now=now)
    with pytest.raises(InputRefused, match="administrator already"):
        await administrators.replace_first_setup_link(desk, now=now)
