"""After signing in: the profile to download, and each step ticked off as the server sees it."""

from dataclasses import replace

from starlette.responses import Response

from otae.enrollment import ota
from otae.enrollment.progress import SessionEnd, session_progress
from otae.store import properties
from otae.web.client_address import system_of
from otae.web.failures import Failure
from otae.web.guards import Portal
from otae.web.pages import render, wants_part
from otae.web.portal.trust import PROFILE_TYPE, attached, fingerprint
from otae.words import gettext as _


async def show(visit: Portal) -> Response:
    """Show how far the Mac has come; the page asks again by itself until there is nothing more to come."""
    request, now = visit.request, session_progress(visit.session, now=visit.now)
    part = wants_part(request)
    other = part and not is_of(visit)
    if part and not other and request.query_params.get("seen") == now.mark:
        return Response(status_code=204)
    context = {
        "standing": replace(now, end=SessionEnd.REPLACED, done=0, refusal="", support_code="") if other else now,
        "other": other,
        "of": name_of(visit),
        "person": visit.session.person.display_name,
        "organization": await properties.word("organization.name"),
        "fingerprint": await fingerprint(),
        "elsewhere": system_of(request.headers.get("user-agent", "")[:400]) not in {"macOS", ""},
        "expires_at": visit.session.expires_at,
    }
    return render(request, "portal/install.html", context, block="progress" if part else None)


def name_of(visit: Portal) -> str:
    """Return what the page of a session names it by, so that it follows no other one of the same browser."""
    return visit.session.id.hex[-12:]


def is_of(visit: Portal) -> bool:
    """Tell whether the page that asks is that of this session; one that names none is nobody's in particular."""
    return visit.request.query_params.get("of", name_of(visit)) == name_of(visit)


async def download(visit: Portal) -> Response:
    """Hand out the profile of this session; HEAD, which looks without taking, mints nothing."""
    if visit.request.method == "HEAD":
        return attached(b"", PROFILE_TYPE, "enroll.mobileconfig")
    if not is_of(visit):
        raise Failure(409, _("Another sign-in in this browser took the place of this one."), "another-session")
    profile = await ota.download(visit.desk, visit.session, now=visit.now)
    return attached(profile, PROFILE_TYPE, "enroll.mobileconfig")
