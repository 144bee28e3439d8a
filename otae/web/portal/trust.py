"""Downloads of the root certificate, for Macs that do not trust this server yet."""

import hashlib

from starlette.responses import Response

from otae.accounts import browsers
from otae.enrollment import profiles
from otae.store.records import about, note_once_a_minute
from otae.web.guards import PORTAL_COOKIE
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


async def fingerprint() -> str:
    """Return the root's SHA-256 fingerprint in hexadecimal digits."""
    return hashlib.sha256(await profiles.root_certificate()).hexdigest()
