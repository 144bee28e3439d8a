"""What a gateway is: the fields it is set up with, the request it wants, and what its answer means."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from otae.delivery.http_client import HttpAnswer, HttpRequest
from otae.delivery.transport import NotYet, OutcomeUnknown, RefusedForGood, Unreachable, plain
from otae.words import N_

#: What a gateway is set up with: the value of each of its fields by name, "" for one left empty.
Values = Mapping[str, str]

#: Statuses that speak of the account or the settings, whichever message is asked for.
ABOUT_SETTINGS: Final = frozenset({401, 402, 403, 407})
TOO_MANY: Final = 429
#: The service behind the one that answered did not answer in time: it may have taken the message.
GATEWAY_TIMEOUT: Final = 504

_SENDER = re.compile(r"\+?[0-9]{3,15}|[A-Za-z0-9 .&_-]{1,11}")


@dataclass(frozen=True)
class Field:
    """One field of a gateway.

    ``secret``: sealed, never shown again; ``lines``: more than one line; ``choices``: its only values with their words;
    ``usual``: what stands for it when it is left empty. Label, hint and words are marked for the catalogue.
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

    ``request``: what carries a message, secrets and all. ``judge`` returns the service's words, or raises as `settled`.
    ``check`` returns what is wrong with values that each are well formed, by field.
    """

    name: str
    title: str
    about: str
    fields: tuple[Field, ...]
    request: Callable[[Values, TextMessage], HttpRequest]
    judge: Callable[[Values, HttpAnswer], str]
    check: Callable[[Values], dict[str, str]] = lambda _values: {}

    @property
    def secrets(self) -> frozenset[str]:
        """The names of its secret fields."""
        return frozenset(each.name for each in self.fields if each.secret)


def settled(answer: HttpAnswer, words: str = "") -> None:
    """Return when the status says that the request was carried out, else raise what it means for the message.

    ``words``: what the service said. Account and settings: Unreachable; too many or its own trouble: NotYet; no answer
    from behind it: OutcomeUnknown; everything else is the message's fault: RefusedForGood.
    """
    said = f"{answer.status} {words or answer.text}".strip()
    if 200 <= answer.status < 300:
        return
    if answer.status in ABOUT_SETTINGS:
        raise Unreachable(said)
    if 300 <= answer.status < 400:
        raise Unreachable(f"{answer.status}: it points elsewhere, which is not followed; enter the address it means")
    if answer.status == GATEWAY_TIMEOUT:
        raise OutcomeUnknown(said)
    if answer.status == TOO_MANY or answer.status >= 500:
        raise NotYet(said)
    raise RefusedForGood(said)


def unclear(answer: HttpAnswer) -> OutcomeUnknown:
    """Return what to raise for an answer that says "done" and not what was done."""
    return OutcomeUnknown(f"{answer.status}, and an answer that cannot be read: {answer.text}")


def parsed(answer: HttpAnswer) -> Any:  # noqa: ANN401 - whatever a stranger's JSON holds
    """Return an answer's JSON, None when it is none."""
    try:
        return json.loads(answer.text)
    except (ValueError, RecursionError):
        return None


def at(value: Any, *path: str | int) -> Any:  # noqa: ANN401 - as above
    """Return what stands in JSON at ``path``, None when nothing does."""
    for step in path:
        if isinstance(step, str) and isinstance(value, dict):
            value = value.get(step)
        elif isinstance(step, int) and isinstance(value, list) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def as_json(method: str, url: str, document: object, *headers: tuple[str, str]) -> HttpRequest:
    """Return a request whose body is ``document`` in JSON."""
    content = json.dumps(document).encode()
    return HttpRequest(method, url, (("Content-Type", "application/json"), *headers), content)


def as_form(url: str, fields: Mapping[str, str], *headers: tuple[str, str]) -> HttpRequest:
    """Return a POST whose body is ``fields`` as a form."""
    encoded = ("Content-Type", "application/x-www-form-urlencoded")
    return HttpRequest("POST", url, (encoded, *headers), urlencode(fields).encode())


def basic(user: str, password: str) -> tuple[str, str]:
    """Return the header of HTTP Basic (RFC 7617)."""
    return "Authorization", f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def base_url(default: str) -> Field:
    """Return the field for where a provider's API is."""
    return Field(
        "base_url", N_("API address"), N_("Only for another region."), required=False, default="", usual=default
    )


def based(values: Values, default: str) -> str:
    """Return where the API is, without a slash at its end."""
    return (values.get("base_url") or default).rstrip("/")


def sender_wrong(sender: str) -> str:
    """Say what is wrong with a sender; "" when nothing is."""
    return "" if not sender or _SENDER.fullmatch(sender) else "use a number, or up to 11 letters and digits"


def check_sender(values: Values) -> dict[str, str]:
    """Return what is wrong, by field, where the sender alone can be."""
    return {"sender": wrong} if (wrong := sender_wrong(values["sender"])) else {}


def is_plain(text: str) -> bool:
    """Tell whether a text is in the default alphabet of text messages, as far as every gateway agrees: ASCII."""
    return text.isascii()


def shortly(*parts: object) -> str:
    """Return the parts that say something, as one line."""
    return plain(" ".join(str(part) for part in parts if part not in (None, "")))
