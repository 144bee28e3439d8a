"""Manage → Devices: the Macs that are known here."""

from typing import Final

from starlette.responses import Response

from otae.errors import DeviceUnknown
from otae.mdm import devices
from otae.web.admin.manage.statuses import OWNERSHIPS
from otae.web.admin.page_parts import address, asked, found, id_asked
from otae.web.failures import NotFound
from otae.web.guards import Console
from otae.web.pages import go, render
from otae.words import gettext as _

DEVICES: Final = "/admin/devices"
PAGE: Final = 50
STATUSES: Final = {
    "authenticated": _("Checking in"),
    "enrolled": _("Enrolled"),
    "unenrolled": _("Not enrolled any more"),
}


async def index(visit: Console) -> Response:
    """List Macs, newest first, a page at a time."""
    search, after = asked(visit.request, "q"), id_asked(visit.request, "after")
    macs = await devices.list_devices(search=search, after=after, limit=PAGE + 1, reach=visit.reach)
    context = {
        "macs": macs[:PAGE],
        "search": search,
        "statuses": STATUSES,
        "ownerships": OWNERSHIPS,
        "newest": address(DEVICES, q=search) if after else "",
        "older": address(DEVICES, q=search, after=macs[PAGE - 1].id) if len(macs) > PAGE else "",
    }
    return render(visit.request, "admin/manage/devices/index.html", context)


async def show(visit: Console) -> Response:
    """Show one Mac."""
    mac = found(await devices.find_device(visit.request.path_params["udid"], visit.reach))
    context = {
        "mac": mac,
        "status": STATUSES.get(mac.status, mac.status),
        "ownership": OWNERSHIPS.get(mac.ownership, mac.ownership),
    }
    return render(visit.request, "admin/manage/devices/show.html", context)


async def release(visit: Console) -> Response:
    """Let somebody else enroll the Mac."""
    found(await devices.find_device(visit.request.path_params["udid"], visit.reach))
    try:
        mac = await devices.release(visit.request.path_params["udid"], now=visit.now, actor=visit.actor)
    except DeviceUnknown:
        raise NotFound from None
    return go(f"{DEVICES}/{mac.udid}", "success", _("The Mac is released: the next person who signs in may enroll it."))
