"""Phases 2 and 3 of over-the-air delivery: a Mac posts its signed attributes and gets a signed profile."""

from starlette.requests import Request
from starlette.responses import Response

from otae.enrollment import ota
from otae.store.database import now

PROFILE_TYPE = "application/x-apple-aspen-config"


async def device(request: Request) -> Response:
    """Answer ``POST …/device``."""
    body = await request.body()
    answer = await ota.answer(request.app.state.desk, body, now=await now())
    return Response(answer, media_type=PROFILE_TYPE)
