"""The generic HTTP gateway: method, URL, headers and body with placeholders, and how to recognise success.

Each value is escaped for its place: a JSON string, a form value, XML text or a part of a URL. No value can end a
string, add a field or reach another host.
"""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from otae.delivery.http_client import HttpRequest, HttpResponse
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    basic_auth,
    check_status,
    joined,
    json_at,
    parse_json,
    sender_error,
    unreadable,
)
from otae.delivery.transport import PermanentlyRefused
from otae.text import whole_number
from otae.translatable import N_

METHODS: Final = ("POST", "PUT", "GET")
#: Kind of body → its default Content-Type.
BODIES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
PLACEHOLDERS: Final = ("sms.to", "sms.digits", "sms.text", "sms.from", "sms.secret")
#: Placeholders allowed in headers: a text may hold line breaks.
IN_HEADERS: Final = ("sms.to", "sms.digits", "sms.from", "sms.secret")

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}):[ \t]*([\x20-\x7e]{0,300})")
#: Headers of the transport, which may not be set.
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade"})
_STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
#: Characters that XML cannot hold, not even escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``, each value escaped for its place."""
    known = {
        "sms.to": message.to,
        "sms.digits": message.to.removeprefix("+"),
        "sms.text": message.text,
        "sms.from": values["sender"],
        "sms.secret": values["secret"],
    }
    headers = [(name, _fill(text, known, str)) for name, text in _headers(values["headers"])]
    content = b""
    if values["method"] != "GET":
        content = _body(values["body_type"], values["body"], known)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", BODIES[values["body_type"]]))
    if values["username"]:
        headers.append(basic_auth(values["username"], values["secret"]))
    url = _fill(values["url"], known, lambda value: quote(value, safe=""))
    return HttpRequest(values["method"], url, tuple(headers), content)


def interpret(values: Values, response: HttpResponse) -> str:
    """Return the service's words if the response meets the success rule; else raise an error of `transport`."""
    low, high = _statuses(values["ok_status"])
    if not low <= response.status <= high:
        check_status(response)
        raise PermanentlyRefused(f"{response.status} {response.text}")
    if values["ok_field"]:
        document = parse_json(response)
        if document is None:
            raise unreadable(response)
        steps = [(whole_number(step), step) for step in values["ok_field"].split(".")]
        value = json_at(document, *(step if number is None else number for number, step in steps))
        if _entered_form(value) != values["ok_value"]:
            raise PermanentlyRefused(f"{values['ok_field']} is {_entered_form(value) or 'missing'}: {response.text}")
    elif values["ok_value"] and values["ok_value"] not in response.text:
        raise PermanentlyRefused(f"{response.status} {response.text}")
    return joined(response.status, response.text)


def check(values: Values) -> dict[str, str]:
    """Return what is wrong, by field, and where in the field it is."""
    wrong: dict[str, str] = {}
    if words := _url_error(values["url"]):
        wrong["url"] = words
    if words := _headers_error(values["headers"]):
        wrong["headers"] = words
    if values["method"] != "GET" and (words := _body_error(values["body_type"], values["body"])):
        wrong["body"] = words
    if not _STATUSES.fullmatch(values["ok_status"]):
        wrong["ok_status"] = N_("use a status or a range, such as 200 or 200-299")
    if words := sender_error(values["sender"]):
        wrong["sender"] = words
    everything = values["url"] + values["headers"] + (values["body"] if values["method"] != "GET" else "")
    if not wrong and "${sms.text}" not in everything:
        wrong["body"] = N_("neither address nor body holds ${sms.text}")
    if not wrong and "${sms.to}" not in everything and "${sms.digits}" not in everything:
        wrong["body"] = N_("neither address nor body holds ${sms.to} or ${sms.digits}")
    return wrong


def _fill(text: str, known: Mapping[str, str], write: Callable[[str], str]) -> str:
    return _PLACEHOLDER.sub(lambda match: write(known[match[1]]), text)


def _body(kind: str, template: str, known: Mapping[str, str]) -> bytes:
    if kind == "json":
        return json.dumps(_filled(json.loads(template), known)).encode()
    if kind == "form":
        pairs = parse_qsl(_one_line(template), keep_blank_values=True)
        return urlencode([(_fill(name, known, str), _fill(value, known, str)) for name, value in pairs]).encode()
    if kind == "xml":
        return _fill(template, known, lambda value: escape(_NOT_IN_XML.sub("", value))).encode()
    return _fill(template, known, str).encode("utf-8", "replace")


def _filled(value: Any, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever an administrator's JSON holds
    """Return a JSON value with the placeholders in its strings filled."""
    if isinstance(value, str):
        return _fill(value, known, str)
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    return value


def _one_line(form: str) -> str:
    """Join a form body that was entered with one field a line."""
    return "&".join(line.strip().strip("&") for line in form.splitlines() if line.strip())


def _headers(text: str) -> list[tuple[str, str]]:
    matches = (_HEADER.fullmatch(line.strip()) for line in text.splitlines() if line.strip())
    return [(match[1], match[2].strip()) for match in matches if match]


def _statuses(text: str) -> tuple[int, int]:
    match = _STATUSES.fullmatch(text)
    low, high = (match[1], match[2] or match[1]) if match else ("200", "299")
    return int(low), int(high)


def _entered_form(value: object) -> str:
    """Return a JSON value in the form in which it is entered in the success rule."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _placeholder_error(text: str, allowed: tuple[str, ...] = PLACEHOLDERS) -> str:
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in allowed:
            return N_(
                "there is no %(match)s here: use %(allowed)s",
                match=match[0][:40],
                allowed=", ".join(f"${{{name}}}" for name in allowed),
            )
    return ""


def _url_error(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return N_("this is no address")
    if not usable or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        return N_("use an address that begins with https://")
    if "@" in parts.netloc or "$" in parts.netloc:
        return N_("the host has to be written out, without a user name")
    return _placeholder_error(url)


def _headers_error(text: str) -> str:
    for number, line in enumerate(filter(None, (line.strip() for line in text.splitlines())), 1):
        match = _HEADER.fullmatch(line)
        if match is None:
            return N_("line %(number)s: write Name: value", number=number)
        if match[1].lower() in _OURS:
            return N_("line %(number)s: %(match)s cannot be set", number=number, match=match[1])
        if words := _placeholder_error(match[2], IN_HEADERS):
            return N_("line %(number)s: %(words)s", number=number, words=words)
    return ""


def _body_error(kind: str, template: str) -> str:
    if words := _placeholder_error(template):
        return words
    if kind == "json":
        try:
            json.loads(template)
        except (ValueError, RecursionError) as error:
            return N_("this is no JSON (%(error)s); placeholders stand inside quotes", error=error)
    if kind == "form" and not parse_qsl(_one_line(template), keep_blank_values=True):
        return N_("write name=value, a line each or with & between them")
    return "" if template.strip() else "is missing"


GATEWAY: Final = Gateway(
    "generic",
    N_("HTTP gateway"),
    N_("Any other provider: you define the request and how success is recognized."),
    (
        Field("method", N_("Method"), default="POST", choices={name: name for name in METHODS}),
        Field("url", N_("Address"), N_("https://…; may hold ${sms.to}, ${sms.digits}, ${sms.text}."), longest=1000),
        Field("headers", N_("Headers"), N_("One per line: Name: value."), required=False, lines=True, longest=3000),
        Field("body_type", N_("Kind of body"), default="json", choices={
            "json": N_("JSON"), "form": N_("Form"), "xml": N_("XML"), "text": N_("Plain text"),
        }),
        Field(
            "body",
            N_("Body"),
            N_("With ${sms.to} (+49…), ${sms.digits} (49…), ${sms.text}, ${sms.from} and ${sms.secret}; GET has none."),
            required=False,
            default='{"to": "${sms.to}", "text": "${sms.text}"}',
            lines=True,
            longest=4000,
        ),
        Field("sender", N_("From"), N_("What ${sms.from} stands for."), required=False),
        Field("username", N_("User name"), N_("When the service asks for HTTP Basic sign-in."), required=False),
        Field("secret", N_("Secret"), N_("Key or password: what ${sms.secret} stands for."), secret=True,
              required=False),
        Field("ok_status", N_("Success: status"), N_("One status or a range."), default="200-299"),
        Field("ok_field", N_("Success: JSON field"), N_("Such as messages.0.status; empty looks at all of the text."),
              required=False),
        Field("ok_value", N_("Success: value"), N_("What the field has to equal, or the text has to contain."),
              required=False),
    ),
    request,
    interpret,
    check,
    user_field="username",
)  # fmt: skip
