"""The ledger check of the fault matrix: after whatever was done to the house, nothing is lost and nothing pretends."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import timedelta

from otae.invitations import pins
from otae.store import database
from otae.store.desk import Desk
from otae.store.models import Delivery, Event, Pin
from tests.servers.smtp import Received, SMTPServer

#: A row may be "sending" this much longer than its lease: the sweep comes by within it.
PATIENCE = timedelta(seconds=30)
#: How many PINs are looked at.
PINS_CHECKED = 50
#: Where a row may stand when nobody works on it.
SETTLED = {"sent", "failed", "bounced", "cancelled", "queued"}


async def check_ledger(
    sinks: Sequence[SMTPServer], *, recipients: int, kills: int = 0, concurrency: int = 8, desk: Desk | None = None
) -> Counter[str]:
    """Compare what the rows say with what arrived; return how many rows stand where.

    ``recipients``: messages that were ordered; ``kills``: how often a process was killed or paused in the middle;
    ``concurrency``: messages a process has in hand at most; ``desk``: look whether the PINs that were mailed fit, too.
    """
    rows = await Delivery.all()
    standing = Counter(row.status for row in rows)
    assert len(rows) == recipients
    assert sum(standing[status] for status in SETTLED) + standing["sending"] == recipients
    copies = Counter(_name(mail) for sink in sinks for mail in sink.messages)
    assert not copies.keys() - {row.message_id for row in rows}, "a mail that no row speaks of"
    for row in rows:
        assert copies[row.message_id] or row.status != "sent", f"{row.recipient}: sent, and never arrived"
        # A second copy is what an unknown outcome may cost; there is never a third.
        assert copies[row.message_id] <= 2, f"{row.recipient}: {copies[row.message_id]} copies"
    assert copies.total() - len(copies) <= kills * concurrency, f"{copies.total() - len(copies)} mails arrived twice"
    _check_copies_alike([mail for sink in sinks for mail in sink.messages])
    await _check_nobody_is_stuck(rows)
    await _check_events(rows)
    await _check_pins()
    if desk is not None:
        await _check_mailed_pins(desk, [mail for sink in sinks for mail in sink.messages], rows)
    return standing


def _name(mail: Received) -> str:
    return str(mail.message["Message-ID"]).strip("<>").rpartition("@")[0]


def _check_copies_alike(mails: Iterable[Received]) -> None:
    """A second copy says what the first one said, to the same person: same link, same PIN."""
    said: dict[str, tuple[tuple[str, ...], str]] = {}
    for mail in mails:
        assert len(mail.recipients) == 1
        body = mail.message.get_body(("plain",))
        assert body is not None
        words = (mail.recipients, body.get_content())
        assert said.setdefault(_name(mail), words) == words


async def _check_nobody_is_stuck(rows: Iterable[Delivery]) -> None:
    now = await database.now()
    stuck = [row for row in rows if row.status == "sending" and row.lease_until and row.lease_until + PATIENCE < now]
    assert not stuck
    # A row that moved on holds no lease, and one that came to an end no next try.
    assert not [row for row in rows if row.status != "sending" and row.lease_until and row.phase]


async def _check_events(rows: Iterable[Delivery]) -> None:
    """The newest event of each message says where its row stands.

    Events name no generation: where an older one was cancelled, its end may be told after the newer one was sent.
    """
    rows = list(rows)
    newest: dict[tuple[object, str], str] = {}
    for event in await Event.filter(kind__startswith="delivery.").order_by("id"):
        newest[event.invitation_id, event.detail.partition(":")[0]] = event.kind.removeprefix("delivery.")
    latest: dict[tuple[object, str], Delivery] = {}
    for row in rows:
        key: tuple[object, str] = (row.invitation_id, row.kind)
        if key not in latest or row.generation > latest[key].generation:
            latest[key] = row
    for key, row in latest.items():
        expected = "deferred" if row.status == "queued" and row.attempt else row.status
        older = {each.status for each in rows if (each.invitation_id, each.kind) == key and each.id != row.id}
        told = {expected, "cancelled"} if "cancelled" in older else {expected}
        assert newest[key] in told, f"{row.recipient}: {row.status}, and the last event is {newest[key]}"


async def _check_pins() -> None:
    """No invitation has two PINs that work."""
    active = Counter([row.invitation_id for row in await Pin.filter(active=True)])
    assert not [one for one, count in active.items() if count > 1]


async def _check_mailed_pins(desk: Desk, mails: Sequence[Received], rows: Iterable[Delivery]) -> None:
    """The PIN that works is the one in the last mail (hashes take their time: the newest fifty are looked at)."""
    carrying = {row.message_id: row.invitation_id for row in rows if row.kind == "pin"}
    last = {carrying[_name(mail)]: _pin_in(mail) for mail in mails if _name(mail) in carrying}
    for invitation_id, clear in list(last.items())[-PINS_CHECKED:]:
        if active := await Pin.get_or_none(invitation_id=invitation_id, active=True):
            newest = max(row.generation for row in rows if row.invitation_id == invitation_id and row.kind == "pin")
            mailed = [row for row in rows if row.invitation_id == invitation_id and row.generation == newest]
            if all(row.status == "sent" for row in mailed):
                assert await pins.verify(desk, active, clear)
                assert active.pin_sealed is None


def _pin_in(mail: Received) -> str:
    body = mail.message.get_body(("plain",))
    found = re.search(r"\b\d{8}\b", body.get_content()) if body else None
    return found[0] if found else ""
