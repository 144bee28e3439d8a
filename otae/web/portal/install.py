"""The portal after signing in: the profile to download, and the progress as the server sees it."""

from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from otae import paths
from otae.authority.serving import ServerCertificate, server_certificate
from otae.enrollment import approvals, former_mdm, ota, rights
from otae.enrollment.progress import SessionEnd, read_progress
from otae.invitations.orders import lacks_password
from otae.store import properties
from otae.web.failures import Failure
from otae.web.pages import is_fragment_request, render
from otae.web.portal import approval, other_device
from otae.web.portal.trust import PROFILE_TYPE, attached, trust_context
from otae.web.visits import Portal
from otae.words import gettext as _


async def show(visit: Portal) -> Response:
    """Show the progress of the enrollment; the page polls until nothing more can happen."""
    request, session = visit.request, visit.session
    must_trust = await server_certificate(visit.desk) is ServerCertificate.OWN
    told = await read_progress(session, trust=must_trust, now=visit.now)
    part = is_fragment_request(request)
    if not part and other_device.is_other(request):
        return RedirectResponse(paths.LOGIN(again="1"), 303)
    other = part and not is_of(visit)
    may_wait = not other and told.end in {None, SessionEnd.EXPIRED}
    if may_wait and (held := await approvals.held_up(session, now=visit.now)):
        return await approval.wait(visit, held, told, name_of(visit))
    if not part and may_wait and (steps := await former_mdm.steps(session)):
        return render(request, "portal/former-mdm.html", {"steps": steps, "person": session.person.display_name})
    if part and not other and request.query_params.get("seen") == told.mark:
        return Response(status_code=204)
    context = {
        "session_progress": replace(told, end=SessionEnd.REPLACED, done=0, refusal="", support_code="")
        if other
        else told,
        "other": other,
        "part": part,
        "self_service": not lacks_password(session.person) and await properties.flag("selfservice.enable"),
        "of": name_of(visit),
        "person": session.person.display_name,
        "rights": rights.summary(session.access_rights, session.ownership),
        **await trust_context(visit, session.build or ""),
        "may_be_ipad": other_device.may_be_ipad(request),
        "left": session.expires_at - visit.now,
    }
    return render(request, "portal/install.html", context, block="progress" if part else None)


async def confirm_former_mdm_left(visit: Portal) -> Response:
    """Record that the Mac has left the other MDM, and go on."""
    await former_mdm.confirm(visit.session, now=visit.now)
    return RedirectResponse(paths.INSTALL, 303)


def name_of(visit: Portal) -> str:
    """Return the name that the page of a session sends with its requests.

    By it a page that stays open never shows the progress of a later session of the same browser.
    """
    return visit.session.id.hex[-12:]


def is_of(visit: Portal) -> bool:
    """Return whether the request comes from this session's page; a request that names no session counts as such."""
    return visit.request.query_params.get("of", name_of(visit)) == name_of(visit)


async def download(visit: Portal) -> Response:
    """Return the profile of this session; a HEAD request creates nothing."""
    if visit.request.method == "HEAD":
        return attached(b"", PROFILE_TYPE, "enroll.mobileconfig")
    if other_device.is_other(visit.request):
        return RedirectResponse(paths.LOGIN(again="1"), 303)
    if not is_of(visit):
        raise Failure(409, _("Another sign-in in this browser took the place of this one."), "another-session")
    if await former_mdm.steps(visit.session):
        return RedirectResponse(paths.INSTALL, 303)
    profile = await ota.download(visit.desk, visit.session, now=visit.now)
    return attached(profile, PROFILE_TYPE, "enroll.mobileconfig")
