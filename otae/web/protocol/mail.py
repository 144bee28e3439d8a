"""Takes bounce messages over HTTP, from mail servers and services that cannot deliver by LMTP."""

from starlette.requests import Request
from starlette.responses import Response

from otae.delivery.mail import bounces
from otae.errors import BounceUnknown
from otae.store.database import now
from otae.web.failures import Failure
from otae.web.protocol import bearer


async def bounce(request: Request) -> Response:
    """Answer ``POST /mail/bounce``: the body is a whole mail, the bearer token OTAE_BOUNCE_TOKEN.

    204 when it was taken or is no failure report; BounceUnknown when it was sent to no return address of ours; 503
    while the message it is about is still being sent.
    """
    desk = request.app.state.desk
    bearer.check(request, desk.settings.bounce_token)
    content = await request.body()
    try:
        await bounces.process_report(await bounces.delivery_for_mail(desk, content), content, now=await now())
    except bounces.UnknownReturnAddress:
        raise BounceUnknown from None
    except bounces.TooEarly:
        words = "The message is still being sent."
        raise Failure(503, words, "too-early", {"Retry-After": "60"}) from None
    return Response(status_code=204)
