"""Settings → Overview: every page of settings with its present state."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.accounts import administrator_list, roles
from otae.authority import issuers, push
from otae.delivery import catcher, servers
from otae.delivery.texts import template_editing, templates
from otae.directory.ldap import servers as directories
from otae.invitations import serial_lists
from otae.invitations.modes import all_modes, default_mode, title_of
from otae.store import properties, property_changes
from otae.translatable import N_
from otae.web.pages import render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, tally

#: Days before its end from which a certificate is shown as a problem.
SOON: Final = 30
#: Most caught mails that are counted.
MOST_CAUGHT: Final = 100


@dataclass(frozen=True)
class State:
    """How a page's settings are. ``words`` say it, then ``at`` when, if there is a time to it."""

    words: str
    problem: bool = False
    at: datetime | None = None


@dataclass(frozen=True)
class Card:
    """A page of settings, for those with ``permission``, and how its ``state`` is found out."""

    title: str
    href: str
    permission: str
    state: Callable[[Console], Awaitable[State]]


async def index(visit: Console) -> Response:
    """Show the pages that the role may see, in groups, with their states."""
    groups = []
    for title, cards in GROUPS:
        shown = [(card, await card.state(visit)) for card in cards if visit.may(card.permission)]
        if shown:
            groups.append((title, shown))
    return render(visit.request, "admin/settings/overview.html", {"groups": groups})


async def _directories(_visit: Console) -> State:
    rows = await directories.list_directories()
    silent = [row.domain for row in rows if row.trouble]
    if silent:
        return State(_("%(names)s does not answer") % {"names": ", ".join(silent)}, problem=True)
    if not rows:
        return State(_("none: people are kept here alone"))
    return State(ngettext("%d directory", "%d directories", len(rows)) % len(rows))


async def _servers(_visit: Console) -> State:
    rows = await servers.list_servers()
    if not any(row.active and row.kind == "smtp" for row in rows):
        return State(_("no mail server is active: mails go to the mail catcher"), problem=True)
    words, last = ngettext("%d server", "%d servers", len(rows)) % len(rows), await servers.last_sent_at()
    return State(words + ", " + _("last message"), at=last) if last else State(words + ", " + _("nothing sent yet"))


async def _templates(_visit: Console) -> State:
    rows = await templates.list_templates()
    changed = sum(not template_editing.is_default(row, row.kind) for row in rows)
    words = ngettext("%d template", "%d templates", len(rows)) % len(rows)
    return State(words + ", " + (_("%d changed") % changed if changed else _("default wordings")))


async def _caught(_visit: Console) -> State:
    count = len(await catcher.list_caught(limit=MOST_CAUGHT + 1))
    if count > MOST_CAUGHT:
        return State(_("more than %d mails") % MOST_CAUGHT)
    return State(ngettext("%d mail", "%d mails", count) % count if count else _("empty"))


async def _modes(_visit: Console) -> State:
    rows = await all_modes()
    words = {
        "on": sum(mode.enabled for mode in rows),
        "all": len(rows),
        "default": _(title_of((await default_mode()).name)),
    }
    return State(_("%(on)d of %(all)d on, default %(default)s") % words)


async def _serials(_visit: Console) -> State:
    company, refused = [await serial_lists.count(kind) for kind in (serial_lists.COMPANY, serial_lists.REFUSED)]
    if not company + refused:
        return State(_("none: any Mac may enroll"))
    words = {"company": tally(company), "refused": tally(refused)}
    return State(_("%(company)s of the organization, %(refused)s refused") % words)


async def _branding(_visit: Console) -> State:
    return State(await properties.word("organization.name"))


async def _push(visit: Console) -> State:
    found = await push.show_push(now=visit.now)
    if found is None:
        words = _("none: Macs get a generated topic") if visit.desk.settings.trial else _("none: no Mac can enroll")
        return State(words, problem=True)
    return _expiry(found.days_left)


async def _certificates(visit: Console) -> State:
    return _expiry(min(row["days_left"] for row in await issuers.tree(visit.now) if row["active"]))


def _expiry(days: int) -> State:
    if days < 0:
        return State(_("expired"), problem=True)
    return State(ngettext("expires in %d day", "expires in %d days", days) % days, problem=days <= SOON)


async def _issued(_visit: Console) -> State:
    return State(_("search and revoke those of Macs"))


async def _administrators(_visit: Console) -> State:
    count = len(await administrator_list.list_administrators())
    return State(ngettext("%d administrator", "%d administrators", count) % count)


async def _roles(_visit: Console) -> State:
    own = sum(row.id is not None for row in await roles.list_roles())
    return State(ngettext("%d role of your own", "%d roles of your own", own) % own if own else _("the built-in ones"))


async def _properties(_visit: Console) -> State:
    changed = len(await property_changes.stored_rows())
    return State(_("%d changed") % changed if changed else _("all at their defaults"))


async def _audit(_visit: Console) -> State:
    return State(_("who did what, and when"))


GROUPS: Final = (
    (N_("People"), (Card(N_("LDAP"), paths.DIRECTORIES, "directory.see", _directories),)),
    (
        N_("Messages"),
        (
            Card(N_("Notification servers"), paths.NOTIFICATION_SERVERS, "setting.see", _servers),
            Card(N_("Notification templates"), paths.TEMPLATES, "setting.see", _templates),
            Card(N_("Mail catcher"), paths.CAUGHT_MAILS, "mail.see", _caught),
        ),
    ),
    (
        N_("Enrollment"),
        (
            Card(N_("Enrollment modes"), paths.MODES, "setting.see", _modes),
            Card(N_("Serial numbers"), paths.SERIALS, "setting.see", _serials),
            Card(N_("Branding"), paths.BRANDING, "setting.see", _branding),
        ),
    ),
    (
        N_("Certificates"),
        (
            Card(N_("Push certificate"), paths.PUSH, "setting.see", _push),
            Card(N_("Certificates of this server"), paths.CERTIFICATES, "certificate.see", _certificates),
            Card(N_("Issued certificates"), paths.ISSUED_CERTIFICATES, "certificate.see", _issued),
        ),
    ),
    (
        N_("Administration"),
        (
            Card(N_("Administrators"), paths.ADMINISTRATORS, "administrator.see", _administrators),
            Card(N_("Roles"), paths.ROLES, "administrator.see", _roles),
            Card(N_("Server properties"), paths.PROPERTIES, "setting.see", _properties),
            Card(N_("Audit log"), paths.AUDIT, "audit.see", _audit),
        ),
    ),
)
