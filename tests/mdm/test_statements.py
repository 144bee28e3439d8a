"""How many statements the two doors of every Mac cost: a count that grows is a step that became dearer.

BEGIN and COMMIT are not among them: PKIOperation opens two transactions, an idle connect one.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from otae.apple import plist
from otae.enrollment import issuance, profiles
from otae.mdm import commands
from otae.store import database
from otae.store.desk import Desk
from tests.enrollment import lab

pytestmark = pytest.mark.anyio

PKI_OPERATION = 14  # one of them asks whether the mode needs an approval, two keep the step for the rollout
IDLE_CONNECT = 9


@contextmanager
def counted(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Give the statements of the block, as the ORM logs them, when it is over."""
    found: list[str] = []
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        caplog.clear()
        yield found
    found += [record.getMessage()[:100] for record in caplog.records if record.name == "tortoise.db_client"]


async def test_a_certificate_costs_no_more_statements_than_it_did(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    now, mac = await database.now(), lab.LabMac()
    session = await lab.signed_in(desk, now, way="profile")
    profile = await profiles.single_profile(desk, session, now=now)
    request, *_ = await mac.request(desk, lab.challenge_of(profile))
    with counted(caplog) as statements:
        await issuance.answer(desk, request.data, now=now)
    assert (await lab.events(session))[-2:] == ["certificate.issued", "session.certified"]
    assert 0 < len(statements) <= PKI_OPERATION, statements


async def test_an_idle_mac_costs_no_more_statements_than_it_did(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    now, mac = await database.now(), lab.LabMac()
    session = await lab.signed_in(desk, now, way="profile")
    topic = await mac.install_profile(desk, session, now)
    await mac.authenticate(desk, now, topic)
    await mac.token_update(desk, now, topic)
    body = plist.dumps({"Status": "Idle", "UDID": mac.udid})
    with counted(caplog) as statements:
        assert await commands.answer(desk, body, mac.sign_header(body), now=now) == b""
    assert 0 < len(statements) <= IDLE_CONNECT, statements
