"""Check-in and command channel of enrolled Macs: bytes and the Mdm-Signature header in, bytes out."""

from starlette.requests import Request
from starlette.responses import Response

from otae.mdm import checkin as checkins
from otae.mdm import commands
from otae.store.database import now

SIGNATURE = "mdm-signature"
COMMAND_TYPE = "application/xml"


async def checkin(request: Request) -> Response:
    """Answer ``PUT /mdm/checkin``."""
    body = await request.body()
    desk = request.app.state.desk
    reply = await checkins.answer(desk, body, request.headers.get(SIGNATURE), now=await now())
    return Response(reply.body, reply.status, media_type=reply.content_type)


async def connect(request: Request) -> Response:
    """Answer ``PUT /mdm/connect``: a command, or nothing at all when none waits."""
    body = await request.body()
    desk = request.app.state.desk
    answer = await commands.answer(desk, body, request.headers.get(SIGNATURE), now=await now())
    return Response(answer, media_type=COMMAND_TYPE if answer else None)
