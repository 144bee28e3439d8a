"""Notices: storing that something happened which administrators may want to be told by mail.

A notice is stored in the transaction of what happened. `overview.notices` passes it on: to whom, when and in which
words is decided there, by the receiver's choices and reach at that time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from otae.store.models import Notice
from otae.store.records import About
from otae.translatable import N_

UNENROLLED: Final = "unenrolled"
SILENT: Final = "silent"
RENEWAL: Final = "renewal"
GUESSING: Final = "guessing"
SERVER: Final = "server"

#: When an administrator is told: at once, once a day, or never.
NOW, DAILY, OFF = "now", "daily", "off"


@dataclass(frozen=True)
class NoticeKind:
    """A kind of notice. ``permission``: who may be told; ``usually``: when those are told who chose nothing."""

    words: str
    permission: str
    usually: str


#: The kinds of notices, in the order in which a mail and the account page list them.
KINDS: Final = {
    GUESSING: NoticeKind(N_("Somebody may be guessing passwords or PINs"), "audit.see", NOW),
    SERVER: NoticeKind(N_("A notification server refuses messages or does not answer"), "setting.see", NOW),
    RENEWAL: NoticeKind(N_("The certificate of a Mac is not renewed"), "device.see", DAILY),
    UNENROLLED: NoticeKind(N_("A Mac is no longer enrolled"), "device.see", DAILY),
    SILENT: NoticeKind(N_("A Mac has not connected for a long time"), "device.see", DAILY),
}


async def tell(
    kind: str,
    *,
    key: str,
    now: datetime,
    about: About = About(),  # noqa: B008 - a frozen value
    subject: str = "",
    detail: str = "",
    told_already: str = "",
) -> None:
    """Store a notice, in the caller's transaction; nothing for a rehearsal, nor when ``key`` was told before.

    Args:
        kind: One of KINDS.
        key: Names what happened, such as the enrollment that ended: at most 180 characters.
        about: Person, Mac and invitation; names are looked up when the mail is written.
        subject: The name of an object that ``about`` cannot say, such as a notification server's; not a person's.
        detail: What happened in further words, such as a server's answer; neither a secret nor a person's name.
        told_already: A mail address that gets a message of its own about this.
    """
    if about.rehearsal:
        return
    notice = Notice(
        key=f"{kind}:{key}"[:200],
        kind=kind,
        at=now,
        person_id=about.person_id,
        device_id=about.device_id,
        invitation_id=about.invitation_id,
        subject=subject[:200],
        detail=detail[:500],
        told_already=told_already,
    )
    await Notice.bulk_create([notice], ignore_conflicts=True)
