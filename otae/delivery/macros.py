"""``${…}`` macros: the only thing that admin-edited text may hold besides itself.

One scan, left to right; what a macro puts in is never looked at again, so no value can bring in another macro. There is
no expression, no filter and no attribute access, hence nothing to execute.
"""

import html
import re
from collections.abc import Mapping

from otae.errors import InputRefused

#: Name of each macro and the kinds of message that know its value.
MACROS: Mapping[str, frozenset[str]] = {
    "enrollment.url": frozenset({"url"}),
    "enrollment.pin": frozenset({"pin"}),
    "enrollment.expires": frozenset({"url", "pin"}),
    "enrollment.mode": frozenset({"url", "pin", "confirmation"}),
    "user.displayname": frozenset({"url", "pin", "confirmation"}),
    "user.loginname": frozenset({"url", "pin", "confirmation"}),
    "user.mail": frozenset({"url", "pin", "confirmation"}),
    "server.name": frozenset({"url", "pin", "confirmation"}),
    "root.fingerprint": frozenset({"url", "pin", "confirmation"}),
    "support.contact": frozenset({"url", "pin", "confirmation"}),
}
KINDS = ("url", "pin", "confirmation")
#: Never in a subject: subjects show on locked screens and in the logs of every mail server on the way.
SECRET = frozenset({"enrollment.url", "enrollment.pin"})
#: Most characters of one text.
LONGEST = 64 * 1024

_MACRO = re.compile(r"\$\{([^{}]*)\}")


def fill(text: str, values: Mapping[str, str], *, escape: bool = False) -> str:
    """Return ``text`` with each known macro replaced, HTML-escaped where ``escape``; others stay as they are."""

    def put(match: re.Match[str]) -> str:
        value = values.get(match[1].strip())
        if value is None:
            return match[0]
        return html.escape(value) if escape else value

    return _MACRO.sub(put, text)


def check_template(kind: str, *, subject: str, text: str, html: str) -> None:
    """Refuse a template that could not be sent as it is written: InputRefused names field, macro and position."""
    if kind not in KINDS:
        raise InputRefused({"kind": "choose url, pin or confirmation"})
    parts = {"subject": subject, "text": text, "html": html}
    fields = {name: wrong for name, value in parts.items() if (wrong := _wrong(kind, name, value))}
    if fields:
        raise InputRefused(fields)


def _wrong(kind: str, field: str, value: str) -> str | None:
    if not value.strip():
        return "is missing"
    if field == "subject" and (len(value) > 300 or not value.isprintable()):
        return "use one line of at most 300 characters"
    if len(value) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if wrong := _wrong_macro(kind, field, value):
        return wrong
    needed = f"${{enrollment.{kind}}}"
    if field != "subject" and kind in {"url", "pin"} and needed not in value:
        return f"does not say {needed}"
    return None


def _wrong_macro(kind: str, field: str, text: str) -> str | None:
    for match in _MACRO.finditer(text):
        name = match[1].strip()
        where = f"at character {match.start() + 1}"
        if name not in MACROS:
            return f"${{{name[:40]}}} {where} is not known"
        if kind not in MACROS[name]:
            return f"${{{name}}} {where} has no value in this message"
        if field == "subject" and name in SECRET:
            return f"${{{name}}} {where} is a secret: put it into the message, not the subject"
    return None
