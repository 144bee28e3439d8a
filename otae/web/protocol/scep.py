"""SCEP over HTTP (RFC 8894 §4.1): GetCACaps, GetCACert, and PKIOperation by POST or GET, whatever CA ident is named."""

import base64
import binascii
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from otae.enrollment import issuance
from otae.errors import MessageTypeRefused, MessageUnreadable
from otae.store.database import now

CERTIFICATES_TYPE = "application/x-x509-ca-ra-cert"
MESSAGE_TYPE = "application/x-pki-message"
#: What clients do to base64 in a query: blanks for "+", the URL alphabet, line ends.
MENDED = bytes.maketrans(b" -_", b"++/")


async def query(request: Request) -> Response:
    """Answer ``GET /scep?operation=…``."""
    desk, asked = request.app.state.desk, raw_query(request)
    match asked.get("operation"):
        case b"GetCACaps":
            return PlainTextResponse(issuance.capabilities())
        case b"GetCACert":
            return Response(await issuance.ca_certificates(desk), media_type=CERTIFICATES_TYPE)
        case b"PKIOperation":
            answer = await issuance.answer(desk, from_query(asked.get("message", b"")), now=await now())
            return Response(answer, media_type=MESSAGE_TYPE)
    raise MessageTypeRefused("not an operation of this server")


async def message(request: Request) -> Response:
    """Answer ``POST /scep``: the body is the message, whatever the query says."""
    if raw_query(request).get("operation", b"PKIOperation") != b"PKIOperation":
        raise MessageTypeRefused("only PKIOperation is posted")
    body = await request.body()
    answer = await issuance.answer(request.app.state.desk, body, now=await now())
    return Response(answer, media_type=MESSAGE_TYPE)


def raw_query(request: Request) -> dict[str, bytes]:
    """Return the query's first values as bytes; a "+" stays one, which form decoding would make a blank."""
    found: dict[str, bytes] = {}
    for part in request.scope["query_string"].split(b"&"):
        name, _, value = part.partition(b"=")
        found.setdefault(name.decode("ascii", "replace"), unquote_to_bytes(value))
    return found


def from_query(text: bytes) -> bytes:
    """Return the message in a PKIOperation by GET; MessageUnreadable when it is no base64 (Macs leave "+/" bare)."""
    mended = text.replace(b"\r", b"").replace(b"\n", b"").translate(MENDED).rstrip(b"=")
    try:
        return base64.b64decode(mended + b"=" * (-len(mended) % 4), validate=True)
    except binascii.Error:
        raise MessageUnreadable("the query is no base64") from None
