"""The gateway interface: its form fields, the request that sends a message, and the meaning of the response."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from otae.delivery.http_client import HttpRequest, HttpResponse
from otae.delivery.transport import OutcomeUnknown, PermanentlyRefused, TemporaryFailure, Unreachable, plain
from otae.translatable import N_

#: The settings of a gateway: the value of each field by name, "" for an empty one.
Values = Mapping[str, str]

#: Statuses about the account or the settings, whatever the message.
ABOUT_SETTINGS: Final = frozenset({401, 402, 403, 407})
TOO_MANY: Final = 429
#: A service behind the one that responded timed out: it may have accepted the message.
GATEWAY_TIMEOUT: Final = 504

_SENDER = re.compile(r"\+?[0-9]{3,15}|[A-Za-z0-9 .&_-]{1,11}")


@dataclass(frozen=True)
class Field:
    """One form field of a gateway; its label, hint and choices are marked for translation.

    Attributes:
        secret: Stored encrypted and never shown again.
        lines: May have more than one line.
        longest: Most characters.
        usual: The value that applies when it is left empty; its hint names it.
        choices: Allowed values with their labels; empty for free text.
    """

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    required: bool = True
    default: str = ""
    lines: bool = False
    longest: int = 300
    usual: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TextMessage:
    """One text message. ``to``: E.164."""

    to: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True)
class Gateway:
    """One kind of gateway.

    Attributes:
        request: Returns the request that sends a message, secrets included.
        interpret: Returns the service's words when it accepted the message, else raises as `check_status`.
        check: Returns what is wrong with the values, by field; it is called once each value alone is valid.
        user_field: The field with the user name of `basic_auth`, "" when the gateway does not use it.
    """

    name: str
    title: str
    about: str
    fields: tuple[Field, ...]
    request: Callable[[Values, TextMessage], HttpRequest]
    interpret: Callable[[Values, HttpResponse], str]
    check: Callable[[Values], dict[str, str]] = lambda _values: {}
    user_field: str = ""

    @property
    def secrets(self) -> frozenset[str]:
        """The names of its secret fields."""
        return frozenset(each.name for each in self.fields if each.secret)


def check_status(response: HttpResponse, words: str = "") -> None:
    """Raise the error that a response's status stands for; 2xx raises nothing.

    Args:
        words: The service's own words for the error, the response's text when empty.

    Raises:
        Unreachable: The account or the settings are wrong, or it is a redirect.
        TemporaryFailure: Too many requests, or an error of the service.
        OutcomeUnknown: A service behind it timed out.
        PermanentlyRefused: Any other status: the message is at fault.
    """
    reason = f"{response.status} {words or response.text}".strip()
    if 200 <= response.status < 300:
        return
    if response.status in ABOUT_SETTINGS:
        raise Unreachable(reason)
    if 300 <= response.status < 400:
        raise Unreachable(f"{response.status}: it points elsewhere, which is not followed; enter the address it means")
    if response.status == GATEWAY_TIMEOUT:
        raise OutcomeUnknown(reason)
    if response.status == TOO_MANY or response.status >= 500:
        raise TemporaryFailure(reason)
    raise PermanentlyRefused(reason)


def unreadable(response: HttpResponse) -> OutcomeUnknown:
    """Return the error for a successful status with a body that cannot be read."""
    return OutcomeUnknown(f"{response.status}, and an answer that cannot be read: {response.text}")


def parse_json(response: HttpResponse) -> Any:  # noqa: ANN401 - whatever a stranger's JSON holds
    """Return the JSON of a response, None when it is invalid."""
    try:
        return json.loads(response.text)
    except (ValueError, RecursionError):
        return None


def json_at(value: Any, *path: str | int) -> Any:  # noqa: ANN401 - as above
    """Return the JSON value at ``path`` (keys and indexes), None when there is none."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def json_request(method: str, url: str, document: object, *headers: tuple[str, str]) -> HttpRequest:
    """Return a request with ``document`` as its JSON body."""
    content = json.dumps(document).encode()
    return HttpRequest(method, url, (("Content-Type", "application/json"), *headers), content)


def form_request(url: str, fields: Mapping[str, str], *headers: tuple[str, str]) -> HttpRequest:
    """Return a POST request with ``fields`` as its form body."""
    encoded = ("Content-Type", "application/x-www-form-urlencoded")
    return HttpRequest("POST", url, (encoded, *headers), urlencode(fields).encode())


def basic_auth(user: str, password: str) -> tuple[str, str]:
    """Return the Authorization header of HTTP Basic (RFC 7617)."""
    return "Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def base_url_field(default: str) -> Field:
    """Return the field for the base URL of a provider's API."""
    return Field("base_url", N_("API address"), N_("Only for another region."), required=False, usual=default)


def api_url(values: Values, default: str) -> str:
    """Return the base URL of the API without a trailing slash."""
    return (values.get("base_url") or default).rstrip("/")


def sender_error(sender: str) -> str:
    """Return what is wrong with a sender, "" when it is valid."""
    return "" if not sender or _SENDER.fullmatch(sender) else N_("use a number, or up to 11 letters and digits")


def check_sender(values: Values) -> dict[str, str]:
    """Return the errors by field of a gateway that checks no field but its sender."""
    return {"sender": wrong} if (wrong := sender_error(values["sender"])) else {}


def is_plain(text: str) -> bool:
    """Return whether a text is ASCII, the part of the default SMS alphabet that every gateway agrees on."""
    return text.isascii()


def joined(*parts: object) -> str:
    """Return the parts that are not empty, joined to one line."""
    return plain(" ".join(str(part) for part in parts if part not in (None, "")))
