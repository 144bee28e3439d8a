"""Health and metrics, for the platform and its monitoring."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from otae.errors import DatabaseAway, DatabaseDamaged
from otae.web.failures import RETRY_SECONDS
from otae.web.protocol import bearer


async def alive(request: Request) -> Response:
    """Answer ``GET /healthz``: 200 while the process answers."""
    del request
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """Answer ``GET /readyz``: 200, or 503 with the name of the part that fails and nothing else."""
    state = request.app.state
    try:
        failing = await state.readiness.failing_part(state.desk.settings)
    except (DatabaseAway, DatabaseDamaged):
        failing = "database"
    if failing:
        return PlainTextResponse(f"{failing}\n", 503, {"Retry-After": RETRY_SECONDS})
    return PlainTextResponse("ok\n")


async def metrics(request: Request) -> Response:
    """Answer ``GET /metrics`` when the request carries OTAE_METRICS_TOKEN; otherwise there is no such address."""
    bearer.check(request, request.app.state.desk.settings.metrics_token)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
