"""Whose trouble a refusal is: the refused command and its status decide."""

import pytest

from otae.delivery import server_refusals
from otae.delivery.queue import outbox
from otae.store.desk import Desk
from otae.store.models import Delivery, Invitation
from tests.delivery.conftest import NOW, Invite, UseServer
from tests.servers.smtp import SMTPServer, Stage

pytestmark = pytest.mark.anyio


@pytest.mark.slow
async def test_the_refused_command_and_its_status_decide_whose_trouble_it_is(
    desk: Desk, invite: Invite, use_server: UseServer, smtp_server: SMTPServer
) -> None:
    server = await use_server(smtp_server)
    for number, (stage, reply, whose) in enumerate(CASES):
        ben = await invite("url", "pin", name=f"ben{number}")
        smtp_server.answer(stage, reply, times=2)
        for kind in ("pin", "url"):
            await outbox.deliver(desk, ben.deliveries[kind].id, now=NOW)
        rows = [await ben.reload(kind) for kind in ("pin", "url")]
        wanted = {MESSAGE: "failed", YES: "sent"}.get(whose, "queued")
        assert {row.status for row in rows} == {wanted}, (stage, reply)
        assert {row.policy_refused for row in rows} == {whose == POLICY}, (stage, reply)
        assert bool(await server_refusals.refusing_servers(NOW)) is (whose == SERVER), (stage, reply)
        invitation = await Invitation.get(id=ben.invitation.id)
        assert invitation.status == ("failed" if whose == MESSAGE else "pending"), (stage, reply)
        assert (await ben.sealed_pin() is None) is (whose in {YES, MESSAGE}), (stage, reply)
        await Delivery.filter(status="queued").update(status="cancelled")
        await server_refusals.clear_refusals(server, rows[0])
        smtp_server.faults.clear()


#: What stands for: the server's trouble, the message's and its recipient's, not known yet, nobody's for long.
SERVER, MESSAGE, POLICY, LATER, YES = "server", "message", "policy", "later", "yes"


CASES: list[tuple[Stage, str, str]] = [
    ("MAIL", "553 5.7.1 <it@example.test>: Sender address rejected: not owned by user otae", SERVER),
    ("MAIL", "550 5.1.1 who are you", SERVER),
    ("MAIL", "501 syntax", SERVER),
    ("MAIL", "451 4.3.0 later", LATER),
    ("RCPT", "550 5.1.1 <ben@example.test>: Recipient address rejected: User unknown", MESSAGE),
    ("RCPT", "550 no such user here", MESSAGE),
    ("RCPT", "550 5.1.1 no relay knows this user", MESSAGE),
    ("RCPT", "550 5.2.1 mailbox disabled", MESSAGE),
    ("RCPT", "552 5.2.2 mailbox full", MESSAGE),
    ("RCPT", "550 5.4.1 Recipient address rejected: Access denied", MESSAGE),
    ("RCPT", "550 5.5.0 Requested action not taken: mailbox unavailable", MESSAGE),
    ("RCPT", "550 4.2.2 over quota", LATER),
    ("RCPT", "450 5.1.1 try again", LATER),
    ("RCPT", "503 5.5.1 need MAIL", SERVER),
    ("RCPT", "553 5.7.1 <it@example.test>: Sender address rejected: not owned by user otae", SERVER),
    ("RCPT", "550 5.1.8 <it@example.test>: Sender address rejected: Domain not found", SERVER),
    ("RCPT", "550 Sender verify failed", SERVER),
    ("RCPT", "553 sorry, your envelope sender is in my badmailfrom list (#5.7.1)", SERVER),
    ("RCPT", "554 5.7.1 <ben@example.test>: Relay access denied", POLICY),
    ("RCPT", "550 relaying is not permitted", POLICY),
    ("RCPT", "550 5.7.1 Access denied", POLICY),
    ("RCPT", "550-5.7.1 Access denied\r\n550 5.7.1 by policy", POLICY),
    ("RCPT", "252 2.1.5 cannot verify, will try", YES),
    ("DATA", "554 5.7.1 <DATA>: Data command rejected: policy", POLICY),
    ("DATA", "502 5.5.2 no such command", SERVER),
    ("DOT", "554 5.6.0 malformed", MESSAGE),
    ("DOT", "552 5.3.4 too large", MESSAGE),
    ("DOT", "554 5.7.1 this looks like spam", MESSAGE),
    ("DOT", "554 no valid content", MESSAGE),
    ("DOT", "554 5.2.252 SendAsDenied; otae@example.test not allowed to send as it@example.test", SERVER),
    ("DOT", "550 5.7.60 SMTP; Client does not have permissions to send as this sender", SERVER),
    ("DOT", "550-5.7.26 Unauthenticated email is not accepted\r\n550 5.7.26 due to domain's DMARC policy", SERVER),
    ("DOT", "554 5.7.1 relaying denied", POLICY),
    ("DOT", "251 2.0.0 taken", YES),
    ("DOT", "299 fine", YES),
]
