"""Tells from a path who uses it (Macs, mail servers, monitoring or browsers), and the largest body it takes."""

from enum import StrEnum

from otae import paths

KIB = 1024
MIB = 1024 * KIB
#: Bytes of a body at a console address ending in /upload, where forms with a file field post.
UPLOAD_CAP = 10 * MIB
FORM_CAP = 64 * KIB
#: Pages on which a message is written: text and HTML of 64 KiB each, three bytes for one as browsers write them.
TEXTS_CAP = 512 * KIB


class Caller(StrEnum):
    """Who uses an address: it decides the Host, the body limit, the refusals and the headers."""

    DEVICE = "device"
    PROBE = "probe"
    PORTAL = "portal"
    CONSOLE = "console"
    STATIC = "static"


_EXACT: dict[str, Caller] = {
    paths.OTA: Caller.DEVICE,
    paths.SCEP: Caller.DEVICE,
    paths.CHECKIN: Caller.DEVICE,
    paths.CONNECT: Caller.DEVICE,
    paths.BOUNCE: Caller.DEVICE,
    paths.ALIVE: Caller.PROBE,
    paths.READY: Caller.PROBE,
    paths.METRICS: Caller.PROBE,
}
_CAPS: dict[str, int] = {
    paths.OTA: 64 * KIB,
    paths.SCEP: 64 * KIB,
    paths.CHECKIN: MIB,
    paths.CONNECT: MIB,
    paths.BOUNCE: MIB,
}
_CRL = paths.CRL.partition("{")[0]


def caller(path: str) -> Caller:
    """Return whom ``path`` is for; a path that is no machine's is a page."""
    if path in _EXACT:
        return _EXACT[path]
    if path.startswith(_CRL):
        return Caller.DEVICE
    if path.startswith(f"{paths.STATIC}/"):
        return Caller.STATIC
    return Caller.CONSOLE if path == paths.CONSOLE or path.startswith(f"{paths.CONSOLE}/") else Caller.PORTAL


def body_cap(path: str) -> int:
    """Return the largest body that ``path`` takes, in bytes."""
    if path.startswith(f"{paths.CONSOLE}/") and path.endswith("/upload"):
        return UPLOAD_CAP
    if path.startswith((f"{paths.TEMPLATES}/", f"{paths.BRANDING}/")):
        return TEXTS_CAP
    return _CAPS.get(path, FORM_CAP)
