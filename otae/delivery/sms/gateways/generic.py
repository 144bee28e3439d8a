"""Any provider with an HTTP API: method, address, headers and body with placeholders, and what its "yes" looks like.

Values are put where a placeholder stands as what they are there: into a JSON string, a form's value, an XML text, a
part of an address. None of them can end the string, add a field or reach another host.
"""

import json
import re
from collections.abc import Callable, Mapping
from html import escape
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from otae.delivery.http_client import HttpAnswer, HttpRequest
from otae.delivery.sms.gateways.gateway import (
    Field,
    Gateway,
    TextMessage,
    Values,
    at,
    basic,
    parsed,
    sender_wrong,
    settled,
    shortly,
    unclear,
)
from otae.delivery.transport import RefusedForGood
from otae.words import N_

METHODS: Final = ("POST", "PUT", "GET")
#: Kinds of bodies → what a Content-Type header says when none is entered.
BODIES: Final[Mapping[str, str]] = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "xml": "application/xml; charset=utf-8",
    "text": "text/plain; charset=utf-8",
}
PLACEHOLDERS: Final = ("sms.to", "sms.digits", "sms.text", "sms.from", "sms.secret")
#: A text may hold line breaks, which no header can.
IN_HEADERS: Final = ("sms.to", "sms.digits", "sms.from", "sms.secret")

_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
_HEADER = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}):[ \t]*([\x20-\x7e]{0,300})")
#: Headers that say how a request travels; they are ours.
_OURS: Final = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "upgrade"})
_STATUSES = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
#: What XML cannot hold, whatever stands for it.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def request(values: Values, message: TextMessage) -> HttpRequest:
    """Return the request that sends ``message``, each value written as its place asks for."""
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
        headers.append(basic(values["username"], values["secret"]))
    return HttpRequest(values["method"], _url(values["url"], known), tuple(headers), content)


def judge(values: Values, answer: HttpAnswer) -> str:
    """Return what the service said, when it said yes as the rule has it."""
    low, high = _statuses(values["ok_status"])
    if not low <= answer.status <= high:
        settled(answer)
        raise RefusedForGood(f"{answer.status} {answer.text}")
    if values["ok_field"]:
        said = parsed(answer)
        if said is None:
            raise unclear(answer)
        found = at(said, *(int(step) if step.isdigit() else step for step in values["ok_field"].split(".")))
        if _written(found) != values["ok_value"]:
            raise RefusedForGood(f"{values['ok_field']} is {_written(found) or 'missing'}: {answer.text}")
    elif values["ok_value"] and values["ok_value"] not in answer.text:
        raise RefusedForGood(f"{answer.status} {answer.text}")
    return shortly(answer.status, answer.text)


def check(values: Values) -> dict[str, str]:
    """Return what is wrong, by field: before anything is sent, and with its place."""
    wrong: dict[str, str] = {}
    if words := _url_wrong(values["url"]):
        wrong["url"] = words
    if words := _headers_wrong(values["headers"]):
        wrong["headers"] = words
    if values["method"] != "GET" and (words := _body_wrong(values["body_type"], values["body"])):
        wrong["body"] = words
    if not _STATUSES.fullmatch(values["ok_status"]):
        wrong["ok_status"] = "use a status or a range, such as 200 or 200-299"
    if words := sender_wrong(values["sender"]):
        wrong["sender"] = words
    everything = values["url"] + values["headers"] + (values["body"] if values["method"] != "GET" else "")
    if not wrong and "${sms.text}" not in everything:
        wrong["body"] = "neither address nor body holds ${sms.text}"
    if not wrong and "${sms.to}" not in everything and "${sms.digits}" not in everything:
        wrong["body"] = "neither address nor body holds ${sms.to} or ${sms.digits}"
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
        return _fill(template, known, _as_xml).encode()
    return _fill(template, known, str).encode("utf-8", "replace")


def _filled(value: Any, known: Mapping[str, str]) -> Any:  # noqa: ANN401 - whatever an administrator's JSON holds
    """Return JSON with its strings filled in."""
    if isinstance(value, str):
        return _fill(value, known, str)
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, known) for name, each in value.items()}
    return value


def _as_xml(text: str) -> str:
    return escape(_NOT_IN_XML.sub("", text), quote=True)


def _one_line(form: str) -> str:
    """Return a form that may have been written a field a line."""
    return "&".join(line.strip().strip("&") for line in form.splitlines() if line.strip())


def _url(url: str, known: Mapping[str, str]) -> str:
    return _fill(url, known, lambda value: quote(value, safe=""))


def _headers(text: str) -> list[tuple[str, str]]:
    matches = (_HEADER.fullmatch(line.strip()) for line in text.splitlines() if line.strip())
    return [(match[1], match[2].strip()) for match in matches if match]


def _statuses(text: str) -> tuple[int, int]:
    match = _STATUSES.fullmatch(text)
    low, high = (match[1], match[2] or match[1]) if match else ("200", "299")
    return int(low), int(high)


def _written(value: object) -> str:
    """Return a JSON value as somebody would enter it."""
    if value is None or isinstance(value, dict | list):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unknown(text: str, allowed: tuple[str, ...] = PLACEHOLDERS) -> str:
    for match in _PLACEHOLDER.finditer(text):
        if match[1] not in allowed:
            return f"there is no {match[0][:40]} here: use {', '.join(f'${{{name}}}' for name in allowed)}"
    return ""


def _url_wrong(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"https", "http"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return "this is no address"
    if not usable or not url.isascii() or not url.isprintable() or " " in url or parts.fragment:
        return "use an address that begins with https://"
    if "@" in parts.netloc or "$" in parts.netloc:
        return "the host has to be written out, without a user name"
    return _unknown(url)


def _headers_wrong(text: str) -> str:
    for number, line in enumerate(filter(None, (line.strip() for line in text.splitlines())), 1):
        match = _HEADER.fullmatch(line)
        if match is None:
            return f"line {number}: write Name: value"
        if match[1].lower() in _OURS:
            return f"line {number}: {match[1]} cannot be set"
        if words := _unknown(match[2], IN_HEADERS):
            return f"line {number}: {words}"
    return ""


def _body_wrong(kind: str, template: str) -> str:
    if words := _unknown(template):
        return words
    if kind == "json":
        try:
            json.loads(template)
        except (ValueError, RecursionError) as error:
            return f"this is no JSON ({error}); placeholders stand inside quotes"
    if kind == "form" and not parse_qsl(_one_line(template), keep_blank_values=True):
        return "write name=value, a line each or with & between them"
    return "" if template.strip() else "is missing"


GATEWAY: Final = Gateway(
    "generic",
    N_("HTTP gateway"),
    N_("Any other provider: you say what is sent and what its yes looks like."),
    (
        Field("method", N_("Method"), default="POST", choices={name: name for name in METHODS}),
        Field("url", N_("Address"), N_("https://…; may hold ${sms.to}, ${sms.digits}, ${sms.text}."), longest=1000),
        Field("headers", N_("Headers"), N_("A line each: Name: value."), required=False, lines=True, longest=3000),
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
        Field("ok_value", N_("Success: value"), N_("What that field has to be, or what the text has to hold."),
              required=False),
    ),
    request,
    judge,
    check,
)  # fmt: skip
