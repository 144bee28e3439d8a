"""SCEP over HTTP (RFC 8894 §4.1): GetCACaps, GetCACert, and PKIOperation by POST or GET, whatever CA ident is named."""

from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from otae.enrollment import issuance
from otae.errors import MessageTypeRefused
from otae.store.database import now

CERTIFICATES_TYPE = "application/x-x509-ca-ra-cert"
MESSAGE_TYPE = "application/x-pki-message"


async def query(request: Request) -> Response:
    """Answer ``GET /scep?operation=…``."""
    desk, asked = request.app.state.desk, raw_query(request)
    match asked.get("operation"):
        case b"GetCACaps":
            return PlainTextResponse(issuance.capabilities())
        case b"GetCACert":
            return Response(await issuance.ca_certificates(desk), media_type=CERTIFICATES_TYPE)
        case b"PKIOperation":
            message = issuance.message_from_query(request.scope["query_string"])
            answer = await issuance.answer(desk, message, now=await now())
            return Response(answer, media_type=MESSAGE_TYPE)
    raise MessageTypeRefused("not an operation of this server")


async def message(request: Request) -> Response:
    """Answer ``POST /scep``: the body is the message; the query is ignored."""
    if raw_query(request).get("operation", b"PKIOperation") != b"PKIOperation":
        raise MessageTypeRefused("only PKIOperation is posted")
    body = await request.body()
    answer = await issuance.answer(request.app.state.desk, body, now=await now())
    return Response(answer, media_type=MESSAGE_TYPE)


def raw_query(request: Request) -> dict[str, bytes]:
    """Return the first value of each query parameter, as bytes."""
    parameters: dict[str, bytes] = {}
    for part in request.scope["query_string"].split(b"&"):
        name, _, value = part.partition(b"=")
        parameters.setdefault(name.decode("ascii", "replace"), unquote_to_bytes(value))
    return parameters
