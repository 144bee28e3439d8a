"""Paths that more than one module needs, and the kind of caller each is for."""

from enum import StrEnum

PORTAL = "/zdm/macos/otae"
LOGIN = f"{PORTAL}/login"
OPENED = f"{PORTAL}/opened"
NEW_LINK = f"{PORTAL}/new-link"
INSTALL = f"{PORTAL}/install"
PROFILE = f"{PORTAL}/profile"
ROOT = f"{PORTAL}/root"
PASSWORD = f"{PORTAL}/password"
DEVICE = f"{PORTAL}/device"
INVITATION_LINK = "/zdm/su"

SCEP = "/scep"
CHECKIN = "/mdm/checkin"
CONNECT = "/mdm/connect"
CRL = "/crl/"
BOUNCE = "/mail/bounce"

CONSOLE = "/admin"
CONSOLE_SIGN_IN = f"{CONSOLE}/sign-in"
CONSOLE_CONFIRM = f"{CONSOLE}/confirm"
#: Every other address below the console's.
CONSOLE_ELSEWHERE = f"{CONSOLE}/{{path:path}}"
STATIC = "/static"

KIB = 1024
MIB = 1024 * KIB
#: Bytes of a body at a console address ending in /upload, where forms with a file field post.
UPLOAD_CAP = 10 * MIB
FORM_CAP = 64 * KIB
#: Pages on which a message is written: text and HTML of 64 KiB each, three bytes for one as browsers write them.
TEXTS = "/admin/templates/"
TEXTS_CAP = 512 * KIB


class Caller(StrEnum):
    """Who uses an address: it decides the Host, the body limit, the refusals and the headers."""

    DEVICE = "device"
    PROBE = "probe"
    PORTAL = "portal"
    CONSOLE = "console"
    STATIC = "static"


_EXACT = {
    DEVICE: Caller.DEVICE,
    SCEP: Caller.DEVICE,
    CHECKIN: Caller.DEVICE,
    CONNECT: Caller.DEVICE,
    BOUNCE: Caller.DEVICE,
    "/healthz": Caller.PROBE,
    "/readyz": Caller.PROBE,
    "/metrics": Caller.PROBE,
}
_CAPS = {DEVICE: 64 * KIB, SCEP: 64 * KIB, CHECKIN: MIB, CONNECT: MIB, BOUNCE: MIB}


def caller(path: str) -> Caller:
    """Return whom ``path`` is for; a path that is no machine's is a page."""
    if path in _EXACT:
        return _EXACT[path]
    if path.startswith(CRL):
        return Caller.DEVICE
    if path.startswith(f"{STATIC}/"):
        return Caller.STATIC
    return Caller.CONSOLE if path == CONSOLE or path.startswith(f"{CONSOLE}/") else Caller.PORTAL


def body_cap(path: str) -> int:
    """Return the largest body that ``path`` takes, in bytes."""
    if path.startswith(f"{CONSOLE}/") and path.endswith("/upload"):
        return UPLOAD_CAP
    if path.startswith(TEXTS):
        return TEXTS_CAP
    return _CAPS.get(path, FORM_CAP)
