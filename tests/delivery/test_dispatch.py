"""What a message is prepared from, and that one which became obsolete meanwhile is never ended."""

from typing import Any

import pytest

from otae.delivery.queue import dispatch, outbox
from otae.delivery.texts.compose import MessageData, load_message_data
from otae.store.desk import Desk
from otae.store.models import Invitation
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.servers.smtp import SMTPServer

pytestmark = pytest.mark.anyio


async def test_what_was_revoked_while_it_was_on_its_way_is_never_ended(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    await use_server(smtp_server)
    ben = await invite("pin")

    async def slow(*args: Any) -> MessageData:  # noqa: ANN401 - passed through
        material = await load_message_data(*args)
        await Invitation.all().update(generation=2)
        return material

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dispatch, "load_message_data", slow)
        await outbox.deliver(desk, ben.deliveries["pin"].id, now=NOW)
    row = await ben.reload("pin")
    assert (row.status, row.answer, row.lease_until) == ("cancelled", "a newer message took its place", None)
    assert smtp_server.contents == []
    assert await ben.sealed_pin() is None
