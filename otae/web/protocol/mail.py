"""The door for mail that comes back, for mail servers and services that speak no LMTP to us."""

from starlette.requests import Request
from starlette.responses import Response

from otae.delivery.mail import bounces
from otae.errors import BounceUnknown
from otae.store.database import now
from otae.web.failures import Failure
from otae.web.protocol import bearer


async def bounce(request: Request) -> Response:
    """Answer ``POST /mail/bounce``: a whole mail, as it arrived, from who knows OTAE_BOUNCE_TOKEN.

    204 once it is taken, or is no report of failure; BounceUnknown when it came to no return address of ours; 503 while
    the message it is about is still being sent.
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
