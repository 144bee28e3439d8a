"""Manage → Devices: the known Macs."""

from typing import Final

from starlette.responses import Response

from otae import paths
from otae.apple import access_rights
from otae.errors import DeviceUnknown, InputRefused
from otae.invitations import listing
from otae.mdm import devices, rescue
from otae.store import carried_data
from otae.translatable import N_
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import id_param, or_not_found, text_param
from otae.web.failures import NotFound
from otae.web.pages import redirect, render
from otae.web.visits import Console
from otae.words import gettext as _
from otae.words import translated

PAGE: Final = 50
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


async def index(visit: Console) -> Response:
    """List Macs, newest first, a page at a time."""
    search, after = text_param(visit.request, "q"), id_param(visit.request, "after")
    macs = await devices.list_devices(search=search, after=after, limit=PAGE + 1, reach=visit.reach)
    context = {
        "macs": macs[:PAGE],
        "search": search,
        "statuses": STATUSES,
        "ownerships": OWNERSHIPS,
        "newest": paths.DEVICES(q=search) if after else "",
        "older": paths.DEVICES(q=search, after=macs[PAGE - 1].id) if len(macs) > PAGE else "",
    }
    return render(visit.request, "admin/manage/devices/index.html", context)


async def show(visit: Console) -> Response:
    """Show one Mac."""
    mac = or_not_found(await devices.find_device(visit.request.path_params["udid"], visit.reach))
    invitation = await listing.find_invitation(str(mac.invitation))
    context = {
        "mac": mac,
        "trouble": await rescue.trouble_of(mac.udid, reach=visit.reach),
        "troubles": TROUBLES,
        "may_invite": rescue.may_invite,
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
