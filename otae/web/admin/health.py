"""The health of the installation: one line of the dashboard, and what of it needs somebody, with what mends it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from otae import paths
from otae.delivery import server_refusals, servers
from otae.directory.ldap import servers as directories
from otae.overview import attention
from otae.store import heartbeats
from otae.translatable import N_
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, relative

#: What the installation's own certificates are for.
PURPOSES: Final = {
    "root": N_("Root"),
    "device-ca": N_("Device authority"),
    "service-ca": N_("Service authority"),
    "ra": N_("SCEP registration authority"),
    "profile-signer": N_("Profile signer"),
    "tls": "TLS",
    "push": N_("Push"),
}
#: What is wrong with a process, and what follows.
TROUBLES: Final = {
    ("worker", "none"): N_("The worker has not been heard of for a while: no mail is sent and no job is done."),
    ("clock", "none"): N_(
        "The clock has not been heard of for a while: nothing expires, is renewed or is tried again."
    ),
    ("worker", "dead"): N_("A worker (%(process)s) has ended without a word; the others do its work. Start it again."),
    ("clock", "dead"): N_("A clock (%(process)s) has ended without a word; another does its work. Start it again."),
    ("worker", "stuck"): N_("A worker (%(process)s) has got stuck with %(what)s. End it and start it again."),
    ("clock", "stuck"): N_("The clock (%(process)s) has got stuck with %(what)s. End it and start it again."),
    ("clock", "idle"): N_(
        "The clock lives and does nothing: nothing expires, is renewed or is tried again. End "
        "%(process)s and start it again."
    ),
}
GOOD, WARNING, FAILED = "good", "warning", "failed"


@dataclass(frozen=True)
class Part:
    """One part of the installation. ``state``: GOOD, WARNING or FAILED; ``address``: its page, "" where none opens."""

    name: str
    state: str
    words: str
    address: str = ""


@dataclass(frozen=True)
class Need:
    """Something that needs somebody, and the page that mends it. ``since``: None where it is not known."""

    title: str
    words: str
    button: str = ""
    address: str = ""
    since: datetime | None = None
    state: str = FAILED


async def examine(visit: Console, processes: Sequence[heartbeats.Problem]) -> tuple[list[Part], list[Need]]:
    """Return the parts that this administrator may know of, and what of them needs somebody."""
    parts: list[Part] = []
    needs = [
        Need("", _(TROUBLES[each.role, each.kind]) % {"process": each.process, "what": each.what}, since=each.since)
        for each in processes
    ]
    if visit.may("setting.see"):
        mail, mail_needs = await _mail(visit)
        parts.append(mail)
        needs += mail_needs
    if visit.may("directory.see"):
        rows = await directories.list_directories()
        needs += [_directory_need(row, visit.now) for row in rows if row.trouble]
        if rows:
            failing = any(row.trouble for row in rows)
            words = _("does not answer") if failing else _("answers")
            parts.append(Part(_("Directory"), FAILED if failing else GOOD, words, paths.DIRECTORIES))
    if visit.may("setting.see") or visit.may("certificate.see"):
        # The one that ends soonest comes last, and stays.
        ends = {row.purpose: row.not_after for row in reversed(await attention.own_certificates())}
        if visit.may("setting.see"):
            parts.append(_push(ends, visit))
            needs += _push_need(ends, visit)
        if visit.may("certificate.see"):
            parts += _certificates(ends, visit.now)
            needs += _ending(ends, visit.now)
    for role, words in ((heartbeats.WORKER, _("Worker")), (heartbeats.CLOCK, _("Clock"))):
        ill = any(each.role == role for each in processes)
        parts.append(Part(words, FAILED if ill else GOOD, _("needs somebody") if ill else _("works")))
    return parts, needs


async def _mail(visit: Console) -> tuple[Part, list[Need]]:
    troubles = await server_refusals.refusing_servers(visit.now)
    needs = [
        Need(
            _("%(name)s refuses our messages") % {"name": each.server.name},
            _("It says: %(words)s") % {"words": each.words} + " " + _("The messages wait, and no invitation is lost."),
            _("Test the server"),
            (paths.SMS_SERVER if each.server.kind == "sms" else paths.SMTP_SERVER)(each.server.id),
            each.since,
        )
        for each in troubles
    ]
    server = await servers.active_server()
    if server is None:
        caught = paths.CAUGHT_MAILS if visit.may("mail.see") else ""
        words = _("No notification server is active: the built-in catcher takes all mail and sends nothing.")
        needs.append(Need("", words, _("See the caught mail") if caught else "", caught, state=WARNING))
        return Part(_("Mail"), WARNING, _("is caught, not sent"), paths.NOTIFICATION_SERVERS), needs
    words = _("is refused") if troubles else server.name
    return Part(_("Mail"), FAILED if troubles else GOOD, words, paths.NOTIFICATION_SERVERS), needs


def _directory_need(row: directories.DirectoryRow, now: datetime) -> Need:
    known = {"domain": row.domain, "why": row.trouble}
    if row.answered_at:
        words = _("The directory %(domain)s does not answer (%(why)s). It last did") % known
        words += f" {relative(row.answered_at, now)}."
    else:
        words = _("The directory %(domain)s does not answer (%(why)s).") % known
    words += " " + _("Its people cannot sign in with their password meanwhile.")
    return Need("", words, _("Test the connection"), paths.DIRECTORY(row.id), state=WARNING)


def _push(ends: Mapping[str, datetime], visit: Console) -> Part:
    end = ends.get("push")
    if end is None:
        state = WARNING if visit.desk.settings.trial else FAILED
        return Part(_("Push"), state, _("no certificate"), paths.PUSH)
    return Part(_("Push"), _state(end, visit.now), _days(end, visit.now), paths.PUSH)


def _push_need(ends: Mapping[str, datetime], visit: Console) -> list[Need]:
    button = _("Import the push certificate")
    if "push" in ends:
        return []
    if visit.desk.settings.trial:
        words = _("Without a push certificate a Mac enrolled in this trial has to enroll again later.")
        return [Need("", words, button, paths.PUSH, state=WARNING)]
    title = _("No Mac can enroll yet: there is no push certificate")
    return [Need(title, _("The portal tells people that enrollment is not ready."), button, paths.PUSH)]


def _certificates(ends: Mapping[str, datetime], now: datetime) -> Iterator[Part]:
    """Yield the TLS certificate, and the soonest end of all the others."""
    if tls := ends.get("tls"):
        yield Part("TLS", _state(tls, now), _days(tls, now), paths.CERTIFICATES)
    others = [end for purpose, end in ends.items() if purpose not in {"tls", "push"}]
    if others:
        yield Part(_("Certificates"), _state(min(others), now), _days(min(others), now), paths.CERTIFICATES)


def _ending(ends: Mapping[str, datetime], now: datetime) -> Iterator[Need]:
    for purpose, end in ends.items():
        if _state(end, now) != GOOD:
            title = _("Certificate near its end: %(purpose)s") % {"purpose": _(PURPOSES.get(purpose, purpose))}
            address = paths.PUSH if purpose == "push" else paths.CERTIFICATES
            yield Need(title, _days(end, now), _("Open the certificates"), address, state=_state(end, now))


def _state(end: datetime, now: datetime) -> str:
    if end - now < timedelta(days=7):
        return FAILED
    return WARNING if end - now < attention.WARNING else GOOD


def _days(end: datetime, now: datetime) -> str:
    if end < now:
        return _("ended")
    days = (end - now).days
    return ngettext("%(num)d day left", "%(num)d days left", days) % {"num": days}
