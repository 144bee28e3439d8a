"""Finding anything: the search over everything in the console, as a page and as the list in its dialog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.overview import search
from otae.overview.search import Find, Seeker
from otae.paths import UrlPath
from otae.store.support_codes import ALPHABET, INVITATION_LENGTH, REFUSAL_LENGTH
from otae.text import cleaned_line, letters_and_digits
from otae.translatable import N_
from otae.web.admin.console_pages import PAGES, ConsolePage, every_page, find_pages
from otae.web.admin.manage import devices, group_invitations, statuses
from otae.web.admin.page_parts import read_id
from otae.web.pages import is_fragment_request, render
from otae.web.visits import Console
from otae.words import gettext as _

#: Kind of a find → its heading and the address of its page.
KINDS: Final[dict[str, tuple[str, UrlPath]]] = {
    "person": (N_("Users"), paths.USER),
    "invitation": (N_("Enrollment invitations"), paths.INVITATION),
    "device": (N_("Devices"), paths.DEVICE),
    "group": (N_("Groups"), paths.GROUP),
    "order": (N_("Group invitations"), paths.GROUP_INVITATION),
    "smtp": (N_("Notification servers"), paths.SMTP_SERVER),
    "sms": (N_("Notification servers"), paths.SMS_SERVER),
    "template": (N_("Notification templates"), paths.TEMPLATE),
    "directory": (N_("LDAP"), paths.DIRECTORY),
    "administrator": (N_("Administrators"), paths.ADMINISTRATOR),
    "role": (N_("Roles"), paths.ROLE),
}
#: Kind → the titles of its states.
TITLES: Final[dict[str, Mapping[str, str]]] = {
    "invitation": statuses.STATUSES,
    "device": devices.STATUSES,
    "order": group_invitations.STATUS_TITLES,
}
#: Most pages that are shown for a text, and most finds that a browser remembers.
MOST_PAGES, MOST_RECENT = 8, 8


@dataclass(frozen=True)
class Hit:
    """A line of the list. ``recall``: what a browser remembers of it, "KIND:ID" or "page:PATH"; nothing of a person."""

    heading: str
    href: str
    recall: str
    title: str
    more: str = ""
    status: str = ""


async def show(visit: Console) -> Response:
    """Show what fits ``q``, without it what ``recent`` names and every page; for the dialog only the list."""
    text = cleaned_line(visit.request.query_params.get("q", ""), search.LONGEST)
    seeker, part = Seeker(visit.may, visit.reach), is_fragment_request(visit.request)
    if text:
        hits = [_hit(each) for each in await search.find(text, seeker)]
        hits += [_page_hit(each) for each in find_pages(text, seeker)[:MOST_PAGES]]
    else:
        hits = await _recent(visit.request.query_params.getlist("recent")[:MOST_RECENT], seeker)
        hits += [] if part else [_page_hit(each) for each in PAGES if each.is_open(seeker)]
    groups: dict[str, list[Hit]] = {}
    for hit in hits:
        groups.setdefault(hit.heading, []).append(hit)
    context = {"text": text, "groups": groups, "number": len(hits), "misread": not hits and _may_be_misread(text)}
    return render(visit.request, "admin/search.html", context, block="list" if part else None)


async def _recent(keys: Sequence[str], seeker: Seeker) -> list[Hit]:
    """Return what these keys name, in their order, as far as it is open to whoever asks; odd keys are left out."""
    ids: dict[str, list[UUID]] = {}
    for key in keys:
        kind, _colon, name = key.partition(":")
        if found := read_id(name):
            ids.setdefault(kind, []).append(found)
    hits = [_hit(each) for each in await search.recall(ids, seeker)]
    hits += [_page_hit(each) for each in every_page() if f"page:{each.path}" in keys and each.is_open(seeker)]
    by_key = {hit.recall: hit for hit in hits}
    heading = _("Recently found")
    return [Hit(heading, hit.href, key, hit.title, hit.more, hit.status) for key in keys if (hit := by_key.get(key))]


def _hit(each: Find) -> Hit:
    heading, page = KINDS[each.kind]
    status = TITLES.get(each.kind, {}).get(each.status, each.status)
    return Hit(_(heading), page(each.key), f"{each.kind}:{each.id}", each.title, each.more, status)


def _page_hit(page: ConsolePage) -> Hit:
    more = page.words if page.path not in {each.path for each in PAGES} else ""
    return Hit(_("Pages and settings"), page.path, f"page:{page.path}", page.title, more)


def _may_be_misread(text: str) -> bool:
    """Return whether ``text`` may be a support code that was misread: one with a letter or digit that none has."""
    code = letters_and_digits(text).upper()
    return len(code) in {INVITATION_LENGTH, REFUSAL_LENGTH} and code.isascii() and not set(code) <= set(ALPHABET)
