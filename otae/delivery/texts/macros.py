"""``${…}`` macros: the only thing that admin-edited text may hold besides itself.

``${user.displayname}``; with what stands there when the value is empty, ``${user.phone 'none'}`` (a quote in it is
written twice); and the first of several that is not empty, ``${firstnotnull(user.displayname,user.loginname)}``, which
may have a default as well. One scan, left to right; what a macro puts in is never looked at again, so no value can
bring in another macro. There is no expression, no filter and no attribute access, hence nothing to execute.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from otae.delivery.texts.kinds import ADMINISTRATIVE, AFTERWARDS, KINDS, LINKING
from otae.errors import InputRefused
from otae.text import why_refused

_EVERYWHERE = frozenset(KINDS)
_LINKING = frozenset(LINKING)
_NOTICE = frozenset({"notice"})
#: Name of each macro and the kinds of message that know its value.
MACROS: Mapping[str, frozenset[str]] = {
    "enrollment.url": _LINKING,
    "enrollment.pin": frozenset({"pin"}),
    "enrollment.expires": _EVERYWHERE - AFTERWARDS,
    "enrollment.mode": _EVERYWHERE,
    "user.displayname": _EVERYWHERE,
    "user.loginname": _EVERYWHERE,
    "user.mail": _EVERYWHERE,
    "user.phone": _EVERYWHERE,
    "invitation.note": _EVERYWHERE,
    "invitation.page": _NOTICE,
    "failure.reason": frozenset(ADMINISTRATIVE),
    "failure.page": frozenset({"trouble"}),
    "server.name": _EVERYWHERE,
    "root.fingerprint": _EVERYWHERE,
    "support.contact": _EVERYWHERE,
}
#: Never in a subject: subjects show on locked screens and in the logs of every mail server on the way.
SECRET = frozenset({"enrollment.url", "enrollment.pin"})
#: Most bytes of one text, in UTF-8.
LONGEST = 64 * 1024
#: Most characters of a text message, before values are put in.
LONGEST_SMS = 1000
#: Most macros in one text: what it becomes stays bounded however long the values are.
MOST = 200

_MACRO = re.compile(r"\$\{([^{}]*)\}")
_NAME = r"[a-z]+\.[a-z]+"
_GRAMMAR = re.compile(
    rf"\s*(?:(?P<name>{_NAME})|firstnotnull\(\s*(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*\))"
    r"(?:\s+'(?P<default>(?:[^'{}]|'')*)')?\s*"
)
#: What a macro looks like that was meant to be one, for the name in a refusal.
_MEANT = re.compile(r"\s*([A-Za-z0-9_.]+)\s*")


@dataclass(frozen=True)
class Macro:
    """One macro as it is written: the first of ``names`` that has a value, else ``default``."""

    names: tuple[str, ...]
    default: str


def fill(text: str, values: Mapping[str, str], *, escape: bool = False) -> str:
    """Return ``text`` with each macro replaced, HTML-escaped where ``escape``.

    What is no macro, or names one that ``values`` does not hold, stays as it is written.
    """

    def put(match: re.Match[str]) -> str:
        macro = _read(match[1])
        if macro is None or any(name not in values for name in macro.names):
            return match[0]
        value = next(filter(None, (values[name] for name in macro.names)), macro.default)
        return html.escape(value) if escape else value

    return _MACRO.sub(put, text)


def check_template(kind: str, *, subject: str, text: str, html: str, sms: str = "") -> None:
    """Refuse a template that could not be sent as it is written: InputRefused names field, macro, line and column.

    A text message may be left empty: the default one is sent then.
    """
    if kind not in KINDS:
        raise InputRefused({"kind": f"choose {', '.join(KINDS[:-1])} or {KINDS[-1]}"})
    parts = {"subject": subject, "text": text, "html": html} | ({"sms": sms} if sms else {})
    fields = {name: wrong for name, value in parts.items() if (wrong := _wrong(kind, name, value))}
    if fields:
        raise InputRefused(fields)


def _read(inside: str) -> Macro | None:
    match = _GRAMMAR.fullmatch(inside)
    if match is None:
        return None
    names = (match["name"] or match["names"]).split(",")
    return Macro(tuple(name.strip() for name in names), (match["default"] or "").replace("''", "'"))


def _wrong(kind: str, field: str, value: str) -> str | None:
    if not value.strip():
        return "is missing"
    if field == "subject" and (len(value) > 300 or why_refused(value)):
        return "use one line of at most 300 characters"
    if len(value.encode("utf-8", "surrogatepass")) > LONGEST:
        return "is longer than 64 KiB"
    if field == "sms" and len(value) > LONGEST_SMS:
        return f"is longer than {LONGEST_SMS} characters"
    return _wrong_macro(kind, field, value) or _unsaid(kind, field, value)


def _unsaid(kind: str, field: str, value: str) -> str | None:
    if field != "subject" and (needed := _needed(kind)) and not _says(needed, value):
        return f"does not say ${{{needed}}}"
    return None


def _needed(kind: str) -> str:
    """Return the macro without which a message of ``kind`` is of no use."""
    return "enrollment.pin" if kind == "pin" else "enrollment.url" if kind in LINKING else ""


def _says(name: str, text: str) -> bool:
    return any(macro.names == (name,) for match in _MACRO.finditer(text) if (macro := _read(match[1])))


def _wrong_macro(kind: str, field: str, text: str) -> str | None:
    starts = [match.start() for match in re.finditer(r"\$\{", text)]
    if len(starts) > MOST:
        return f"holds more than {MOST} macros"
    for start in starts:
        line, column = text.count("\n", 0, start) + 1, start - text.rfind("\n", 0, start)
        if wrong := _refusal(kind, field, _MACRO.match(text, start), f"at line {line}, column {column}"):
            return wrong
    return None


def _refusal(kind: str, field: str, match: re.Match[str] | None, where: str) -> str | None:
    if match is None:
        return f"the macro {where} has no end: write }} after its name"
    if macro := _read(match[1]):
        return next(filter(None, (_unfit(kind, field, name, where) for name in macro.names)), None)
    if meant := _MEANT.fullmatch(match[1]):
        return f"${{{meant[1][:40]}}} {where} is not known"
    return f"the macro {where} cannot be read: write ${{user.phone}} or ${{user.phone 'none'}}"


def _unfit(kind: str, field: str, name: str, where: str) -> str | None:
    if name not in MACROS:
        return f"${{{name[:40]}}} {where} is not known"
    if kind not in MACROS[name]:
        return f"${{{name}}} {where} has no value in this message"
    if field == "subject" and name in SECRET:
        return f"${{{name}}} {where} is a secret: put it into the message, not the subject"
    return None
