"""Manage → Invitations: the list with its filters, orders and columns, and the same as CSV."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Final

from starlette.datastructures import QueryParams
from starlette.responses import Response

from otae import paths
from otae.accounts.administrator_list import ids_by_name
from otae.directory.local import groups as directory
from otae.directory.local.people import list_people
from otae.invitations import exports, listing
from otae.invitations import groups as group_invitations
from otae.invitations.modes import title_of
from otae.mdm.devices import macs_of_invitations
from otae.overview import funnel
from otae.overview.progress import STALLED_AFTER, STEPS, progress_of
from otae.store.mode_table import MODES
from otae.store.paging import COUNT_LIMIT
from otae.translatable import N_
from otae.web.admin.list_query import Check, ListQuery, any_text, is_day, is_id
from otae.web.admin.manage import picker
from otae.web.admin.manage.statuses import OWNERSHIPS, STATUSES
from otae.web.admin.page_parts import download
from otae.web.pages import is_fragment_request, render
from otae.web.visits import Console
from otae.words import gettext as _

PAGE: Final = 50
STUCK: Final = "stuck"
#: Most groups, group invitations and administrators offered as filters.
CHOICES: Final = 200
#: What each filter takes.
FILTERS: Final[Mapping[str, Check]] = {
    "status": {STUCK, *STATUSES},
    "mode": MODES,
    "ownership": set(OWNERSHIPS),
    "group": is_id,
    "order": is_id,
    "campaign": is_id,
    "reached": set(funnel.STEPS),
    "stopped": set(funnel.STEPS),
    "by": any_text,
    "from": is_day,
    "to": is_day,
    "ends_from": is_day,
    "ends_to": is_day,
    "q": any_text,
}
#: Columns that can be chosen → their headings. The recipient is always shown.
COLUMNS: Final = {
    "mode": N_("Mode"),
    "ownership": N_("Ownership"),
    "progress": N_("Progress"),
    "mac": N_("Mac"),
    "ends": N_("Valid until"),
    "created": N_("Created"),
    "seen": N_("Last seen"),
}
#: Those that are shown when none was chosen.
USUAL: Final = ("mode", "ownership", "progress", "ends", "created")
#: Columns that sort the list → the order.
SORTED: Final = {"mode": "mode", "progress": "status", "ends": "ends", "created": "created", "seen": "seen"}


def read_query(params: QueryParams) -> ListQuery:
    """Return filters, order, columns and place of an address; Failure 400 for what the list does not know."""
    return ListQuery.read(params, paths.INVITATIONS, FILTERS, orders=listing.ORDERS, columns=COLUMNS)


def filters_of(query: ListQuery, now: datetime) -> tuple[str, listing.Filters]:
    """Return status and filters in the room's terms."""
    stuck = query["status"] == STUCK
    return "" if stuck else query["status"], listing.Filters(
        mode=query["mode"],
        ownership=query["ownership"],
        search=query["q"],
        group=query.id("group"),
        group_invitation=query.id("order"),
        stuck_since=now - STALLED_AFTER if stuck else None,
        campaign=query.id("campaign"),
        reached=funnel.STEPS.get(query["reached"], 0),
        stopped=funnel.STEPS.get(query["stopped"], 0),
        created_by=query["by"],
        created_from=query.day("from"),
        created_to=query.day("to", end=True),
        ends_from=query.day("ends_from"),
        ends_to=query.day("ends_to", end=True),
    )


async def index(visit: Console) -> Response:
    """Show the list, or for its filters only the rows."""
    query = read_query(visit.request.query_params)
    if redirected := query.redirect_clean(visit.request):
        return redirected
    status, filters = filters_of(query, visit.now)
    counts = await listing.counts(visit.reach, replace(filters, stuck_since=None))
    everything = _bounded_sum(counts.values())
    found = await listing.list_invitations(
        status, query.at, limit=PAGE + 1, filters=filters, reach=visit.reach, order=query.order, back=query.back
    )
    rows, before, after = query.page_of(found, PAGE)
    if filters.stuck_since:
        number = await listing.count(status, filters, visit.reach)
    else:
        number = counts[status] if status else everything
    context = {
        "query": query,
        "rows": rows,
        "number": number,
        "before": before,
        "after": after,
        "columns": query.columns or USUAL,
        "headings": COLUMNS,
        "sorted": SORTED,
        "tabs": [
            ("", _("All"), everything),
            ("pending", STATUSES["pending"], counts["pending"]),
            (STUCK, _("Stuck"), None),
            *((name, words, counts[name]) for name, words in STATUSES.items() if name != "pending"),
        ],
        "progress": await progress_of(rows, now=visit.now),
        "macs": await macs_of_invitations([row.id for row in rows], visit.reach) if "mac" in query.columns else {},
        "makers": await ids_by_name(row.created_by for row in rows) if visit.may("administrator.see") else {},
        "total": len(STEPS),
        "statuses": STATUSES,
        "ownerships": OWNERSHIPS,
        "title_of": title_of,
        "any_invitation": bool(rows) or await listing.any_invitation(visit.reach),
        "any_person": len(await picker.domains()) > 1 or bool(await list_people(limit=1, reach=visit.reach)),
        **await _choices(visit, query),
    }
    template = "admin/manage/invitations/index.html"
    if is_fragment_request(visit.request):
        return render(visit.request, template, context, block="list", headers=query.headers)
    return render(visit.request, template, context)


async def _choices(visit: Console, query: ListQuery) -> dict[str, object]:
    """Return the choices of the filters, and the words of those that are set."""
    groups = {str(each.id): each.name for each in await directory.choices(limit=CHOICES, reach=visit.reach)}
    orders = {str(each.id): each for each in await group_invitations.list_orders(limit=CHOICES, reach=visit.reach)}
    modes = {mode.name: mode.title for mode in MODES.values()}
    campaigns = {str(key): each.name for key, each in (await funnel.newest_campaigns(reach=visit.reach)).items()}
    if query["campaign"]:
        campaigns.setdefault(query["campaign"], _("an older one"))
    order = orders.get(query["order"])
    shown = {
        "q": _("“%(text)s”") % {"text": query["q"]},
        "mode": modes.get(query["mode"], ""),
        "ownership": _(OWNERSHIPS.get(query["ownership"], "")),
        "group": _("Group: %(name)s") % {"name": groups.get(query["group"], "–")},
        "order": _("Group invitation: %(name)s") % {"name": order.name if order else "–"},
        "campaign": _("Campaign: %(name)s") % {"name": campaigns.get(query["campaign"], "")},
        "reached": _("Reached: %(step)s") % {"step": funnel.words(query["reached"])},
        "stopped": _("Stopped at: %(step)s") % {"step": funnel.words(query["stopped"])},
        "by": _("Created by %(name)s") % {"name": query["by"]},
        "from": _("Created from %(day)s") % {"day": query["from"]},
        "to": _("Created until %(day)s") % {"day": query["to"]},
        "ends_from": _("Valid until %(day)s or later") % {"day": query["ends_from"]},
        "ends_to": _("Valid until %(day)s or earlier") % {"day": query["ends_to"]},
    }
    # Whom a limited role does not see may have been invited by anybody.
    creators = [visit.actor] if visit.reach.limited else await listing.creators(CHOICES)
    return {
        "modes": modes,
        "groups": groups,
        "steps": {name: funnel.words(name) for name in funnel.STEPS},
        "group_orders": orders.values(),
        "campaigns": campaigns,
        "creators": dict.fromkeys([*creators, query["by"]] if query["by"] else creators),
        "active": query.active(shown),
    }


def _bounded_sum(numbers: Iterable[int]) -> int:
    """Return the sum of counts, capped like each of them at one more than COUNT_LIMIT."""
    return min(sum(numbers), COUNT_LIMIT + 1)


async def export(visit: Console) -> Response:
    """Return what the filters find as CSV, in the order of the list."""
    query = read_query(visit.request.query_params)
    status, filters = filters_of(query, visit.now)
    parts = exports.invitations(status, filters=filters, reach=visit.reach, order=query.order)
    return download(parts, "invitations.csv")
