"""The root certificate for Macs that do not trust this server yet: what it is good for, and its downloads."""

import hashlib

from starlette.responses import Response

from otae.accounts import browsers
from otae.authority import issuers
from otae.authority.serving import ServerCertificate, server_certificate
from otae.enrollment import profiles
from otae.store.records import about, note_once_a_minute
from otae.web.guards import PORTAL_COOKIE
from otae.web.portal.this_mac import this_mac
from otae.web.visits import Visit

PROFILE_TYPE = "application/x-apple-aspen-config"
CERTIFICATE_TYPE = "application/x-x509-ca-cert"


async def root(visit: Visit) -> Response:
    """Return the trust profile, or with ``?format=cer`` the root certificate (DER)."""
    await note_fetched(visit)
    if visit.request.query_params.get("format") == "cer":
        return attached(await profiles.root_certificate(), CERTIFICATE_TYPE, "root.cer")
    return attached(await profiles.trust_profile(visit.desk), PROFILE_TYPE, "trust.mobileconfig")


async def note_fetched(visit: Visit) -> None:
    """Record the download in the timeline of the signed-in session; without one nothing is recorded."""
    if visit.request.method == "HEAD":
        return
    secret = visit.request.cookies.get(PORTAL_COOKIE, "")
    browser = await browsers.find_browser(secret, browsers.PORTAL, now=visit.now, touch=False)
    if browser is not None and browser.session is not None:
        await note_once_a_minute("root.fetched", now=visit.now, about=about(browser.session))


def attached(content: bytes, media_type: str, name: str) -> Response:
    """Return a download; ``name`` must be plain ASCII."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type, headers=headers)


async def trust_context(visit: Visit, build: str = "") -> dict[str, object]:
    """Return what pages say about the root and how a profile is installed.

    ``trust`` is what a Mac gets from trusting the root: "reach", it and its browser connect to this server without a
    warning; "verify", it shows profiles as verified; "", nothing.

    Args:
        build: As for `this_mac`.
    """
    trust = "" if await issuers.is_uploaded(await issuers.active_row("profile-signer")) else "verify"
    if await server_certificate(visit.desk) is ServerCertificate.OWN:
        trust = "reach"
    organization = visit.request.state.branding.name
    mac = this_mac(visit.request, build)
    return {
        "trust": trust,
        "fingerprint": hashlib.sha256(await profiles.root_certificate()).hexdigest(),
        "host": visit.desk.settings.public_host,
        "root_name": profiles.root_name(organization),
        "profile_name": profiles.enrollment_name(organization),
        "mac": mac,
        "profiles_are_in": mac.profiles_are_in,
    }
