"""After signing in: the profile to download, and each step ticked off as the server sees it."""

from starlette.responses import Response

from otae.enrollment import ota
from otae.enrollment.steps import standing
from otae.store import properties
from otae.web.clients import system_of
from otae.web.guards import Portal
from otae.web.pages import render, wants_part
from otae.web.portal.trust import PROFILE_TYPE, attached, fingerprint


async def show(visit: Portal) -> Response:
    """Show how far the Mac has come; the page asks again by itself until there is nothing more to come."""
    request, now = visit.request, standing(visit.session, now=visit.now)
    part = wants_part(request)
    if part and request.query_params.get("seen") == now.mark:
        return Response(status_code=204)
    context = {
        "standing": now,
        "person": visit.session.person.display_name,
        "organization": await properties.word("organization.name"),
        "fingerprint": await fingerprint(),
        "elsewhere": system_of(request.headers.get("user-agent", "")[:400]) not in {"macOS", ""},
        "expires_at": visit.session.expires_at,
    }
    return render(request, "portal/install.html", context, block="progress" if part else None)


async def download(visit: Portal) -> Response:
    """Hand out the profile of this session; HEAD, which looks without taking, mints nothing."""
    if visit.request.method == "HEAD":
        return attached(b"", PROFILE_TYPE, "enroll.mobileconfig")
    profile = await ota.download(visit.desk, visit.session, now=visit.now)
    return attached(profile, PROFILE_TYPE, "enroll.mobileconfig")
