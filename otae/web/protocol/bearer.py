"""Bearer tokens of the machine endpoints."""

import hmac

from pydantic import SecretStr
from starlette.requests import Request

from otae.web.failures import NotFound


def check(request: Request, wanted: SecretStr | None) -> None:
    """Raise NotFound unless the request carries the bearer token ``wanted``; always when that is None."""
    given = request.headers.get("authorization", "")
    if wanted is None or not hmac.compare_digest(given.encode(), b"Bearer " + wanted.get_secret_value().encode()):
        raise NotFound
