"""The dashboard: how far the rollout is, what needs somebody, and a rehearsal at the press of a button."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from starlette.responses import Response

from otae import paths
from otae.accounts import guess_alerts
from otae.authority import push
from otae.delivery import servers
from otae.directory.ldap import servers as directories
from otae.directory.local import people
from otae.enrollment import approvals
from otae.errors import InputRefused
from otae.invitations import campaigns, groups, listing
from otae.invitations.details import refusal_of
from otae.invitations.modes import default_mode, enabled_modes, title_of
from otae.mdm import rescue
from otae.overview import attention, funnel, recent, rehearsals
from otae.overview.recent import Activity
from otae.store import properties
from otae.text import whole_number
from otae.translatable import N_
from otae.web.admin import health
from otae.web.admin.health import Need
from otae.web.admin.manage import devices
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import id_param
from otae.web.forms import sent_fields
from otae.web.pages import is_fragment_request, maker, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import ngettext, translated

TEMPLATE: Final = "admin/dashboard.html"
#: What happened, in words, by kind of event.
ACTIVITIES: Final[Mapping[str, str]] = {
    "invitation.created": N_("%(actor)s invited %(name)s"),
    "invitation.resent": N_("%(actor)s sent the invitation of %(name)s again"),
    "invitation.extended": N_("%(actor)s gave %(name)s more time"),
    "invitation.revoked": N_("%(actor)s revoked the invitation of %(name)s"),
    "invitation.failed": N_("The invitation of %(name)s failed"),
    "link.opened": N_("%(name)s opened the link"),
    "session.opened": N_("%(name)s signed in"),
    "session.enrolled": N_("%(name)s enrolled a Mac"),
    "refused": N_("%(name)s was refused: %(why)s"),
    "checkin.checkout": N_("A Mac of %(name)s left management"),
    "approval.approved": N_("%(actor)s approved the enrollment of %(name)s"),
    "approval.declined": N_("%(actor)s declined the enrollment of %(name)s"),
}
#: The same of several people at once.
ACTIVITIES_OF_MANY: Final = {
    "invitation.created": N_("%(actor)s invited %(number)d people"),
    "invitation.resent": N_("%(actor)s sent %(number)d invitations again"),
    "invitation.extended": N_("%(actor)s gave %(number)d people more time"),
    "invitation.revoked": N_("%(actor)s revoked %(number)d invitations"),
}


async def index(visit: Console) -> Response:
    """Show the dashboard, or for its polling one of its parts: the rollout, what needs somebody, or the rehearsal."""
    params = visit.request.query_params
    part = params.get("part", "rollout") if is_fragment_request(visit.request) else ""
    if part == "rehearsal":
        return await _last_rehearsal(visit)
    mark = f"{await recent.newest_change()}-{visit.now:%H%M}"  # a minute later, times are others
    if part and params.get("seen") == mark:
        return Response(status_code=204)
    if part == "needs":
        return render(visit.request, TEMPLATE, {"mark": mark, **await _needs(visit)}, block="needs")
    asked = whole_number(params.get("days", ""))
    days, campaign = asked if asked in funnel.PERIODS else funnel.PERIODS[0], id_param(visit.request, "campaign")
    known = await funnel.newest_campaigns(reach=visit.reach) if visit.may("invitation.see") else {}
    if campaign and campaign not in known:
        return redirect(paths.CONSOLE, "warning", _("This campaign does not exist any more."))
    leave = any(row.former_mdm for id_, row in known.items() if campaign in (None, id_))
    rollout = await _rollout(visit, days, campaign, former_mdm=leave)
    context = {"mark": mark, "days": days, "campaign": campaign, "campaigns": known, **rollout}
    if part:
        return render(visit.request, TEMPLATE, context, block="rollout")
    last = await rehearsals.last()
    context |= {
        **await _needs(visit),
        "rehearsal": last,
        "rehearsal_mark": _mark(last),
        "modes": await enabled_modes(),
        "chosen_mode": (await default_mode()).name,
        "steps": await _first_steps(visit) if visit.may("setting.see") else [],
    }
    return render(visit.request, TEMPLATE, context)


async def _last_rehearsal(visit: Console) -> Response:
    last = await rehearsals.last()
    if visit.request.query_params.get("seen") == _mark(last):
        return Response(status_code=204)
    return render(visit.request, TEMPLATE, {"rehearsal": last, "rehearsal_mark": _mark(last)}, block="rehearsal")


async def _rollout(visit: Console, days: int, campaign: UUID | None, *, former_mdm: bool) -> dict[str, object]:
    """Return how far the rollout is, what is worked on and what happened."""
    sees = visit.may("invitation.see")
    return {
        "funnel": await funnel.read_funnel(days, campaign, now=visit.now, reach=visit.reach, former_mdm=former_mdm)
        if sees
        else None,
        "periods": sorted(funnel.PERIODS),
        "enrolled": await attention.count_enrolled(visit.reach) if visit.may("device.see") else 0,
        "orders": await groups.running(reach=visit.reach) if visit.may("group-invitation.see") else [],
        "activities": [(each, _words(each)) for each in await recent.recent(reach=visit.reach)] if sees else [],
    }


async def _needs(visit: Console) -> dict[str, object]:
    """Return what needs somebody, and the health of the installation."""
    board = await attention.dashboard(now=visit.now, reach=visit.reach)
    parts, needs = await health.examine(visit, board.processes)
    return {
        "board": board,
        "parts": parts,
        "needs": [*needs, *await _approvals(visit), *await _campaigns(visit), *await _lost_macs(visit)],
        "guesses": await guess_alerts.unseen() if visit.may("audit.see") else [],
        "title_of": title_of,
        "ownerships": OWNERSHIPS,
    }


async def _campaigns(visit: Console) -> list[Need]:
    """Return the campaigns that ask, or cannot read their group."""
    rows = await campaigns.running(reach=visit.reach) if visit.may("group-invitation.see") else []
    return [
        Need(
            row.name,
            _("This campaign waits for your answer: its group changed much.")
            if row.status == "asking"
            else _("This campaign could not read its group."),
            _("Open the campaign"),
            paths.CAMPAIGN(row.id),
            row.asked_at or row.tried_at,
            health.WARNING,
        )
        for row in rows
        if row.status == "asking" or row.trouble
    ]


async def _lost_macs(visit: Console) -> list[Need]:
    """Return Macs that get lost."""
    rows = await rescue.in_trouble(reach=visit.reach) if visit.may("device.see") else []
    return [
        Need(
            f"{row.device.serial or row.device.udid} · {row.person.display_name}",
            translated(devices.TROUBLES[row.trouble or ""]),
            _("Open the Mac"),
            paths.DEVICE(row.device.udid),
            row.trouble_at,
            health.WARNING,
        )
        for row in rows
    ]


async def _approvals(visit: Console) -> list[Need]:
    if not visit.may(approvals.PERMISSION):
        return []
    rows = await approvals.waiting(now=visit.now, reach=visit.reach)
    if not rows:
        return []
    title = ngettext("%(num)d person waits for an approval", "%(num)d people wait for an approval", len(rows))
    names = ", ".join(row.invitation.person.display_name for row in rows[:3]) + (" …" if len(rows) > 3 else "")
    return [
        Need(
            title % {"num": len(rows)},
            names,
            _("Approve or decline"),
            paths.APPROVALS,
            rows[0].asked_at,
            health.WARNING,
        )
    ]


def _words(each: Activity) -> str:
    """Return what happened, as a sentence."""
    said = {"actor": maker(each.actor), "name": each.name or _("somebody"), "number": each.number}
    if each.number > 1 and each.kind in ACTIVITIES_OF_MANY:
        return _(ACTIVITIES_OF_MANY[each.kind]) % said
    return _(ACTIVITIES[each.kind]) % {**said, "why": _(refusal_of(each.code).words)}


async def guessing_seen(visit: Console) -> Response:
    """Take an alert about guessing off the dashboard."""
    await guess_alerts.mark_seen(
        str((await sent_fields(visit.request)).get("key", "")), now=visit.now, actor=visit.actor
    )
    return redirect(paths.CONSOLE)


async def rehearse(visit: Console) -> Response:
    """Start a rehearsal."""
    mode = (await sent_fields(visit.request)).get("mode", "")
    try:
        await rehearsals.start(visit.desk, str(mode), now=visit.now, actor=visit.actor)
    except InputRefused as refusal:
        return redirect(f"{paths.CONSOLE}#rehearsal", "warning", _(refusal.reasons))
    return redirect(f"{paths.CONSOLE}#rehearsal")


async def _first_steps(visit: Console) -> list[tuple[str, str, bool]]:
    """Return the first steps of an installation as (words, address, done); none once all are done.

    The address is "" where the role may not go there.
    """
    named = await properties.word("organization.name") != properties.row_of("organization.name").default
    steps = [
        (_("Say whose portal it is, under Branding"), paths.BRANDING, "setting.see", named),
        (
            _("Add a notification server, so that mail reaches people"),
            paths.NOTIFICATION_SERVERS,
            "setting.see",
            bool(await servers.list_servers()),
        ),
        (_("Import the push certificate"), paths.PUSH, "setting.see", await push.show_push(now=visit.now) is not None),
        (
            _("Add a person, or connect a directory under Settings, LDAP"),
            paths.USERS,
            "person.see",
            bool(await directories.list_directories() or await people.list_people(limit=1)),
        ),
        (_("Send an invitation"), paths.INVITATION_ADD, "invitation.create", await listing.any_invitation()),
    ]
    if all(done for *_rest, done in steps):
        return []
    return [(words, address if visit.may(permission) else "", done) for words, address, permission, done in steps]


def _mark(rehearsal: rehearsals.Rehearsal | None) -> str:
    return f"{rehearsal.id}-{rehearsal.status}-{len(rehearsal.steps)}" if rehearsal else "none"
