"""Certificate revocation lists, at the addresses that our certificates name."""

from starlette.requests import Request
from starlette.responses import Response

from otae.authority import crl as lists
from otae.errors import AuthorityUnknown
from otae.store.database import now
from otae.web.failures import NotFound

#: RFC 5280 §4.2.1.13
CRL_TYPE = "application/pkix-crl"


async def crl(request: Request) -> Response:
    """Answer ``GET /crl/<id>.crl``."""
    try:
        answer = await lists.crl(request.app.state.desk, request.path_params["issuer"], now=await now())
    except AuthorityUnknown:
        raise NotFound from None
    return Response(answer, media_type=CRL_TYPE)
