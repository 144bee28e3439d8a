"""The same thing sent many times at once happens once, on both databases."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from otae.rehearsal.connection import ServerResponse
from otae.rehearsal.hardware import MessageFormat
from otae.rehearsal.identity import ScepClient
from otae.rehearsal.report import MacRefuses
from otae.store import database
from otae.store.models import Certificate, Challenge, Delivery, Device, Enrollment, Event
from tests.flow.conftest import ON_BOTH
from tests.flow.house import House
from tests.flow.visits import visit

pytestmark = [pytest.mark.anyio, ON_BOTH]

AT_ONCE = 8


def counted(answers: list[ServerResponse]) -> Counter[tuple[int, str]]:
    return Counter((answer.status, answer.code) for answer in answers)


async def test_one_phase_two_of_many_is_answered(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        body = await ben.mac.phase_two(ben.service)
        sent = [ben.mac.post_device(ben.service.url, body, name=f"copy-{number}") for number in range(AT_ONCE)]
        answers = counted(await asyncio.gather(*sent))
    assert answers == {(200, ""): 1, (403, "challenge-used"): AT_ONCE - 1}
    assert await Challenge.filter(purpose="ota-identity").count() == 1
    assert await Event.filter(kind="session.identified").count() == 1


async def test_two_macs_at_once_bind_one(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        macs = [await house.mac(line) for _ in range(4)]
        bodies = [await mac.phase_two(ben.service) for mac in macs]
        sent = [ben.mac.post_device(ben.service.url, body, name=f"mac-{n}") for n, body in enumerate(bodies)]
        answers = await asyncio.gather(*sent)
    assert counted(answers)[200, ""] == 1
    winner = next(mac for mac, answer in zip(macs, answers, strict=True) if answer.status == 200)
    assert await ben.status() == "identified"
    assert (ben.session.udid, ben.session.serial) == (winner.facts.udid, winner.facts.serial)


async def test_one_scep_challenge_gives_one_certificate(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        payload = await ben.phase_two()
        now = await database.now()
        clients = [
            ScepClient(line, replace(payload), MessageFormat(), name=f"scep-{number}") for number in range(AT_ONCE)
        ]
        got = await asyncio.gather(*(client.obtain(now) for client in clients), return_exceptions=True)
    assert [type(one) for one in got].count(MacRefuses) == AT_ONCE - 1
    assert await Certificate.filter(purpose="ota-identity").count() == 1
    assert await ben.status() == "certified"


async def test_check_ins_sent_twice_enroll_once(house: House) -> None:
    async with house.line() as line:
        ben = await visit(house, line)
        await ben.configured()
        for kind in ("Authenticate", "TokenUpdate"):
            message = ben.mac.message(kind)
            sent = [ben.mac.put_checkin(message, name=f"{kind}-{number}") for number in range(AT_ONCE)]
            answers = counted(await asyncio.gather(*sent))
            assert answers[200, ""] >= 1
            assert sum(answers.values()) == AT_ONCE
            assert all(status < 500 for status, _ in answers)
    assert await Device.all().count() == 1
    assert await Enrollment.filter(status="enrolled").count() == 1
    assert await Event.filter(kind="checkin.enrolled").count() == 1
    assert await Event.filter(kind="invitation.redeemed").count() == 1
    assert await Delivery.filter(kind="confirmation").count() == 1
