"""Commands wait until they are answered, once; what was put off waits for another connection."""

from datetime import timedelta

import pytest

from otae.apple.commands import CommandAnswer, Status
from otae.mdm import queue
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Command, Enrollment
from tests.enrollment.lab import LabMac
from tests.mdm.talk import enroll

pytestmark = pytest.mark.anyio


async def enrollment_of_a_mac(desk: Desk) -> Enrollment:
    mac = LabMac()
    await enroll(desk, mac)
    return await Enrollment.get(device__udid=mac.udid)


def saying(command: Command, status: Status) -> CommandAnswer:
    return CommandAnswer(udid="", status=status, command_uuid=str(command.id), error_chain=())


async def status_of(command: Command) -> str:
    return (await Command.get(id=command.id)).status


async def test_a_second_answer_and_one_to_what_was_never_sent_change_nothing(desk: Desk) -> None:
    enrollment, now = await enrollment_of_a_mac(desk), await database.now()
    command = await queue.enqueue(enrollment, "InstallProfile", queue.RENEWAL, now=now)
    await queue.record_answer(enrollment, saying(command, Status.ERROR), now=now)
    assert await status_of(command) == "queued"
    await queue.record_sent(await Command.get(id=command.id), enrollment, now=now)
    await queue.record_answer(enrollment, saying(command, Status.ACKNOWLEDGED), now=now)
    for again in (Status.ACKNOWLEDGED, Status.ERROR, Status.NOT_NOW):
        await queue.record_answer(enrollment, saying(command, again), now=now + timedelta(days=1))
    row = await Command.get(id=command.id)
    assert (row.status, row.answered_at) == ("acknowledged", now)


async def test_what_was_put_off_is_sent_at_another_connection(desk: Desk) -> None:
    enrollment, now = await enrollment_of_a_mac(desk), await database.now()
    command = await queue.enqueue(enrollment, "InstallProfile", queue.RENEWAL, now=now)
    await queue.record_sent(command, enrollment, now=now)
    found = await queue.next_command(enrollment, after_not_now=True)
    assert found is not None, "sent and never answered: it is sent again"
    await queue.record_answer(enrollment, saying(command, Status.NOT_NOW), now=now)
    assert await queue.next_command(enrollment, after_not_now=True) is None
    found = await queue.next_command(enrollment, after_not_now=False)
    assert found is not None
    assert found.id == command.id
