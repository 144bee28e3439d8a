"""Passing notices on: who is told of what, when, and in which words.

The clock makes a receipt for each administrator who wants a notice, and of the receipts that are due one mail for each
administrator. What that mail says is decided when it is sent: by choices, role and reach at that time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from jinja2 import Environment

from otae import paths, time_zones
from otae.accounts import guess_alerts, recheck
from otae.accounts.notice_choices import NoticeChoices, choices_of, choices_of_all
from otae.accounts.roles import Powers, permissions_of, powers_of
from otae.delivery.administrator_mails import GIVEN_UP_AFTER, NOTICES, MailContent
from otae.delivery.mail.mime import one_line
from otae.errors import DirectoryUnavailable
from otae.store import properties
from otae.store.database import transaction
from otae.store.desk import Desk
from otae.store.models import Administrator, AdministratorMail, Device, Notice, NoticeReceipt, Person
from otae.store.notices import GUESSING, KINDS, NOW, OFF, RENEWAL, SERVER, SILENT, UNENROLLED
from otae.translatable import N_
from otae.words import CONSOLE_LANGUAGES, environment, exact, in_language, language, ngettext
from otae.words import gettext as _

#: Notices that one round passes on.
BATCH: Final = 200
#: The least time between two mails to one administrator: what happens meanwhile comes together in the next one.
INTERVAL: Final = timedelta(minutes=10)
#: Most notices of a kind that a mail lists; the others are counted.
MOST_LISTED: Final = 30
#: How long a mail is tried that tells of nothing but trouble with notification servers.
SERVER_TROUBLE_TOLD_FOR: Final = timedelta(hours=1)
#: How long notices are kept.
KEPT: Final = timedelta(days=30)
#: What happened, by kind of notice.
_WHAT: Final = {
    UNENROLLED: N_("The management profile was removed on the Mac."),
    SILENT: N_("The Mac has not connected for a long time."),
    RENEWAL: N_("The Mac gets no new certificate. When the present one has ended, it has to be enrolled again."),
    GUESSING: N_("Somebody may be guessing."),
    SERVER: N_("Messages cannot be sent through this server; they wait, or go out through a standby."),
}
#: Further words about guessing, by the kind of alert.
_GUESSES: Final = {
    guess_alerts.NETWORKS: N_("Sign-ins with this person's invitation failed from several networks within an hour."),
    guess_alerts.NAMES: N_("Many names were tried from this network within an hour."),
    guess_alerts.BUDGET: N_(
        "The failures that everybody together has in an hour are used up: who enters no link has to wait."
    ),
}


@dataclass(frozen=True)
class Told:
    """One notice as a mail lists it. ``mac``, ``person``: None where it is about none."""

    notice: Notice
    url: str
    mac: Device | None = None
    person: Person | None = None

    @property
    def title(self) -> str:
        """The name of what it is about, as one line."""
        if self.mac:
            return one_line(
                " · ".join(filter(None, [self.mac.name or self.mac.model_name, self.mac.serial or self.mac.udid]))
            )
        person = self.person.display_name or self.person.name if self.person else ""
        return one_line(self.notice.subject or person) or _("the sign-in page")

    @property
    def words(self) -> str:
        """What happened, in the present language."""
        return " ".join(filter(None, [_(_WHAT[self.notice.kind]), *self._further()]))

    def _further(self) -> list[str]:
        notice, further = self.notice, []
        if notice.kind == GUESSING:
            return [_(_GUESSES[notice.detail])] if notice.detail in _GUESSES else []
        if notice.kind == SILENT and self.mac:
            further.append(_("It connected last %(at)s.") % {"at": exact(self.mac.seen_at)})
        if notice.detail:
            further.append(_("The answer was: %(words)s") % {"words": one_line(notice.detail)})
        if self.mac and self.person:
            person = one_line(self.person.display_name or self.person.name)
            further.append(_("It belongs to %(person)s.") % {"person": person})
        return further


async def pass_on(*, now: datetime) -> None:
    """Make receipts of new notices, and mails of the receipts that are due. Safe to run twice at once."""
    while await _make_receipts(now):
        pass
    due = NoticeReceipt.filter(mail_id=None, due_at__lte=now).distinct()
    for row in await due.values_list("administrator_id"):
        await _make_mail(row[0], now)


async def forget_old(now: datetime) -> None:
    """Delete notices, with their receipts, and mails that are older than KEPT."""
    await Notice.filter(at__lt=now - KEPT).delete()
    await AdministratorMail.filter(created_at__lt=now - KEPT).delete()


async def _make_receipts(now: datetime) -> bool:
    """Make the receipts of the oldest new notices; return whether there may be more."""
    new = await Notice.filter(passed_on=False).order_by("id").limit(BATCH)
    if not new:
        return False
    rows = await Administrator.filter(disabled=False, email__not_isnull=True)
    choices = await choices_of_all([row.id for row in rows])
    permissions = {role: await permissions_of(role) for role in {row.role for row in rows}}
    zone = await _usual_zone()
    receipts = [
        NoticeReceipt(notice_id=notice.id, administrator_id=row.id, due_at=due_at)
        for notice in new
        for row in rows
        if notice.told_already != row.email and KINDS[notice.kind].permission in permissions[row.role]
        if (due_at := _due_at(notice, choices[row.id], _zone_of(row, zone), now)) is not None
    ]
    async with transaction():
        await NoticeReceipt.bulk_create(receipts, ignore_conflicts=True)
        await Notice.filter(id__in=[notice.id for notice in new]).update(passed_on=True)
    return len(new) == BATCH


def _due_at(notice: Notice, choices: NoticeChoices, zone: ZoneInfo, now: datetime) -> datetime | None:
    when = choices.when(notice.kind)
    return None if when == OFF else now if when == NOW else choices.next_daily(now, zone)


async def _make_mail(administrator_id: UUID, now: datetime) -> None:
    """Put an administrator's due receipts into a mail: one that waits to be sent, else a new one after INTERVAL."""
    mails = AdministratorMail.filter(administrator_id=administrator_id, kind=NOTICES)
    async with transaction():
        await Administrator.filter(id=administrator_id).select_for_update().first()  # two clocks make no two mails
        due = NoticeReceipt.filter(administrator_id=administrator_id, mail_id=None, due_at__lte=now)
        mail = await mails.filter(status="queued", lease_until=None).select_for_update().first()
        if mail is None:
            if await mails.filter(created_at__gt=now - INTERVAL).exists() or not await due.exists():
                return
            mail = AdministratorMail(administrator_id=administrator_id, kind=NOTICES, created_at=now, next_try_at=now)
            await mail.save(force_create=True)
        await due.update(mail_id=mail.id)


async def compose(desk: Desk, mail: AdministratorMail, now: datetime) -> MailContent | None:
    """Return what a mail of notices says to its administrator now; None when nothing is left that they may be told."""
    administrator = await _current(desk, mail.administrator_id, now)
    if administrator is None:
        return None
    notices = await Notice.filter(receipts__mail_id=mail.id).order_by("id")
    told = await _tellable(notices, await choices_of(administrator.id), await powers_of(administrator.role, now=now))
    if not told:
        return None
    zone = _zone_of(administrator, await _usual_zone())
    organization = one_line(await properties.word("organization.name"))
    listed = await _looked_up(desk, told, MOST_LISTED)
    with in_language(await _language_of(administrator)), time_zones.in_zone(zone.key):
        subject, text, html = _written(desk, organization, listed, len(told))
    servers_only = all(notice.kind == SERVER for notice in told)
    return MailContent(
        subject,
        text,
        html,
        given_up_after=SERVER_TROUBLE_TOLD_FOR if servers_only else GIVEN_UP_AFTER,
        last=frozenset(notice.subject for notice in told if notice.kind == SERVER),
    )


def _written(desk: Desk, organization: str, listed: list[Told], number: int) -> tuple[str, str, str]:
    """Return subject, text and HTML of a mail in the present language and time zone.

    Args:
        number: How many notices there are, with those that are not listed.
    """
    first = f"{_(KINDS[listed[0].notice.kind].words)}: {listed[0].title}"
    several = ngettext("%(num)d notice", "%(num)d notices", number) % {"num": number}
    subject = f"{organization}: {first if number == 1 else several}"[:200]
    kinds = [(words.words, [each for each in listed if each.notice.kind == kind]) for kind, words in KINDS.items()]
    kinds = [(words, rows) for words, rows in kinds if rows]
    more = number - len(listed)
    further = ngettext("%(num)d further notice is not listed here", "%(num)d further notices are not listed here", more)
    values = {
        "language": language(),
        "subject": subject,
        "organization": organization,
        "kinds": kinds,
        "left_out": further % {"num": more} if more else "",
        "console": f"{desk.settings.public_url}{paths.CONSOLE}",
        "chosen": _("You get this mail because of what you chose under “Your account”:"),
        "account": f"{desk.settings.public_url}{paths.ACCOUNT}",
    }
    lines: list[object] = []
    for words, rows in kinds:
        lines += [f"{_(words)}:", ""]
        for each in rows:
            lines += [f"{exact(each.notice.at)}, {each.title}", each.words, each.url, ""]
    lines += [values["left_out"], values["console"], ""] if more else []
    text = "\n".join(map(str, [*lines, values["chosen"], values["account"], ""]))
    return subject, text, _templates().get_template("mail/notices.html").render(values)


async def _current(desk: Desk, administrator_id: UUID, now: datetime) -> Administrator | None:
    """Return the administrator as their directory has them now; None for one who may not use the console."""
    try:
        await recheck.recheck_maker(desk, administrator_id, now=now)
    except DirectoryUnavailable:
        return None
    return await Administrator.get_or_none(id=administrator_id, disabled=False)


async def _tellable(notices: Iterable[Notice], choices: NoticeChoices, powers: Powers) -> list[Notice]:
    """Return those of ``notices`` that an administrator wants and may see."""
    wanted = [each for each in notices if choices.when(each.kind) != OFF and powers.may(KINDS[each.kind].permission)]
    if not powers.reach.limited:
        return wanted
    ids = {each.person_id for each in wanted if each.person_id}
    within = {row.id for row in await Person.filter(powers.reach.people(), id__in=list(ids)).only("id")}
    return [each for each in wanted if each.person_id in within]


async def _looked_up(desk: Desk, notices: Iterable[Notice], most: int) -> list[Told]:
    """Return the newest ``most`` notices of each kind with their Mac, person and page."""
    kept: dict[str, list[Notice]] = {}
    for notice in notices:
        kept.setdefault(notice.kind, []).append(notice)
    chosen = [notice for rows in kept.values() for notice in rows[-most:]]
    device_ids, person_ids = ([getattr(each, name) for each in chosen] for name in ("device_id", "person_id"))
    macs: dict[UUID | None, Device] = {row.id: row for row in await Device.filter(id__in=[*filter(None, device_ids)])}
    rows = await Person.filter(id__in=[*filter(None, person_ids)], removed_at=None)
    people: dict[UUID | None, Person] = {row.id: row for row in rows}
    found = [(each, macs.get(each.device_id), people.get(each.person_id)) for each in chosen]
    return [Told(each, f"{desk.settings.public_url}{_page(each, mac)}", mac, person) for each, mac, person in found]


def _page(notice: Notice, mac: Device | None) -> str:
    if notice.kind == SERVER:
        return paths.NOTIFICATION_SERVERS
    if notice.kind == GUESSING:
        return paths.INVITATION(notice.invitation_id) if notice.invitation_id else paths.CONSOLE
    return paths.DEVICE(mac.udid) if mac else paths.DEVICES


async def _usual_zone() -> ZoneInfo:
    return ZoneInfo(await properties.word("organization.timezone"))


def _zone_of(administrator: Administrator, usual: ZoneInfo) -> ZoneInfo:
    return ZoneInfo(administrator.time_zone) if administrator.time_zone in time_zones.names() else usual


async def _language_of(administrator: Administrator) -> str:
    """Return the administrator's language, else the one that messages are in by default, where the console has it."""
    asked = administrator.language or await properties.word("notification.language")
    return asked if asked in CONSOLE_LANGUAGES else CONSOLE_LANGUAGES[0]


@cache
def _templates() -> Environment:
    return environment()
