"""Manage → Devices: the known Macs."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from starlette.responses import Response

from otae import paths
from otae.apple import access_rights
from otae.authority import listing as certificates
from otae.directory.local import groups as directory
from otae.errors import DeviceUnknown, InputRefused, StaleState
from otae.invitations import listing
from otae.mdm import devices, rescue, unenrollment
from otae.mdm.devices import DeviceFilters
from otae.store import carried_data
from otae.translatable import N_
from otae.web.admin.list_query import Check, ListQuery, any_text, is_id, is_short
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import download, or_not_found
from otae.web.admin.settings.issued_certificates import PURPOSES, STATES
from otae.web.failures import NotFound
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import translated

PAGE: Final = 50
#: Most groups, versions and models offered as filters.
CHOICES: Final = 200
#: Days without a word from a Mac that can be asked for.
SILENT: Final = ("7", "14", "30", "90")
STATUSES: Final = {
    "authenticated": N_("Checking in"),
    "enrolled": N_("Enrolled"),
    "unenrolled": N_("Not enrolled any more"),
}
#: What is wrong with a Mac.
TROUBLES: Final = {
    rescue.IDENTITY: N_("Its certificate ends soon and was not renewed."),
    rescue.REMOVED: N_("Its management profile was removed."),
    rescue.SILENT: N_("It has not connected for a long time."),
}
#: What each filter takes.
FILTERS: Final[Mapping[str, Check]] = {
    "status": set(STATUSES),
    "ownership": set(OWNERSHIPS),
    "macos": is_short,
    "model": any_text,
    "group": is_id,
    "silent": set(SILENT),
    "q": any_text,
}


def read_query(visit: Console) -> ListQuery:
    """Return filters, order and place in the address; Failure 400 for what the list does not know."""
    params = visit.request.query_params
    # Silent Macs stand by how long they are.
    usual = "seen" if params.get("silent") else "created"
    return ListQuery.read(params, paths.DEVICES, FILTERS, orders=devices.ORDERS, usual=usual)


def filters_of(query: ListQuery, now: datetime) -> DeviceFilters:
    """Return the filters in the room's terms."""
    return DeviceFilters(
        search=query["q"],
        status=query["status"],
        ownership=query["ownership"],
        os_version=query["macos"],
        model=query["model"],
        group=query.id("group"),
        silent_since=now - timedelta(days=int(query["silent"])) if query["silent"] else None,
    )


async def index(visit: Console) -> Response:
    """List Macs, newest first, a page at a time."""
    query = read_query(visit)
    if redirected := query.redirect_clean(visit.request):
        return redirected
    filters = filters_of(query, visit.now)
    after = query.id("before") or query.id("after")
    found = await devices.list_devices(
        filters, after=after, limit=PAGE + 1, reach=visit.reach, order=query.order, back=query.back
    )
    macs, previous, following = query.page_of(found, PAGE)
    groups = {str(each.id): each.name for each in await directory.choices(limit=CHOICES, reach=visit.reach)}
    silent = {name: _("%(days)s days") % {"days": name} for name in SILENT}
    shown = {
        "q": _("“%(text)s”") % {"text": query["q"]},
        "status": _(STATUSES.get(query["status"], "")),
        "ownership": _(OWNERSHIPS.get(query["ownership"], "")),
        "macos": _("macOS %(version)s") % {"version": query["macos"]},
        "model": query["model"],
        "group": _("Group: %(name)s") % {"name": groups.get(query["group"], "–")},
        "silent": _("Silent for %(time)s") % {"time": silent.get(query["silent"], "")},
    }
    context = {
        "query": query,
        "macs": macs,
        "number": await devices.count_devices(filters, visit.reach),
        "before": previous,
        "after": following,
        "active": query.active(shown),
        "statuses": STATUSES,
        "ownerships": OWNERSHIPS,
        "groups": groups,
        "silent": silent,
        "versions": await devices.known_values("os_version", visit.reach, CHOICES),
        "models": await devices.known_values("model_name", visit.reach, CHOICES),
    }
    template = "admin/manage/devices/index.html"
    if is_fragment_request(visit.request):
        return render(visit.request, template, context, block="list", headers=query.headers)
    return render(visit.request, template, context)


async def export(visit: Console) -> Response:
    """Return what the filters find as CSV, in the order of the list."""
    query = read_query(visit)
    parts = devices.as_csv(filters_of(query, visit.now), reach=visit.reach, order=query.order)
    return download(parts, "devices.csv")


async def show(visit: Console) -> Response:
    """Show one Mac."""
    mac = or_not_found(await devices.find_device(visit.request.path_params["udid"], visit.reach))
    invitation = await listing.find_invitation(str(mac.invitation))
    history = await devices.history(mac.id, visit.reach)
    sessions = [each.session for each in history if each.person_id]
    context = {
        "mac": mac,
        "trouble": await rescue.trouble_of(mac.udid, reach=visit.reach),
        "troubles": TROUBLES,
        "may_invite": rescue.may_invite,
        "history": history,
        "certificates": await certificates.issued_to(sessions, now=visit.now),
        "statuses": STATUSES,
        "states": STATES,
        "purposes": PURPOSES,
        "carried": carried_data.facts(invitation) if invitation else {},
        "status": STATUSES.get(mac.status, mac.status),
        "ownership": OWNERSHIPS.get(mac.ownership, mac.ownership),
        "rights": access_rights.meanings(mac.access_rights),
        "withheld": access_rights.meanings(~mac.access_rights),
    }
    return render(visit.request, "admin/manage/devices/show.html", context)


async def release(visit: Console) -> Response:
    """Release the Mac, so that somebody else may enroll it."""
    or_not_found(await devices.find_device(visit.request.path_params["udid"], visit.reach))
    try:
        mac = await devices.release(visit.request.path_params["udid"], now=visit.now, actor=visit.actor)
    except DeviceUnknown:
        raise NotFound from None
    return redirect(
        paths.DEVICE(mac.udid), "success", _("The Mac is released: the next person who signs in may enroll it.")
    )


async def invite_again(visit: Console) -> Response:
    """Invite the person of a Mac in trouble once more, for the same Mac."""
    row = or_not_found(await rescue.trouble_of(visit.request.path_params["udid"], reach=visit.reach))
    or_not_found(rescue.may_invite(row) or None)
    try:
        invited = await rescue.invite_again(visit.desk, row, now=visit.now, actor=visit.actor, reach=visit.reach)
    except InputRefused as refusal:
        words = "; ".join(translated(each) for each in refusal.fields.values())
        return redirect(paths.DEVICE(row.device.udid), "warning", words)
    if not invited:
        words = _("This person was invited for this Mac within the last 30 days.")
        return redirect(paths.DEVICE(row.device.udid), "warning", words)
    return redirect(paths.DEVICE(row.device.udid), "success", _("The person is invited again, for this Mac alone."))


async def unenroll(visit: Console) -> Response:
    """End the management of the Mac."""
    udid = visit.request.path_params["udid"]
    or_not_found(await devices.find_device(udid, visit.reach))
    try:
        await unenrollment.unenroll(udid, now=visit.now, actor=visit.actor)
    except (DeviceUnknown, StaleState):
        return redirect(paths.DEVICE(udid), "info", _("This Mac is not enrolled any more."))
    return redirect(paths.DEVICE(udid), "success", _("The Mac is unenrolled: its certificate is revoked."))
