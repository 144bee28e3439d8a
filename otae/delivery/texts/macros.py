"""``${…}`` macros: the placeholders of message templates.

``${user.displayname}`` is a value; ``${user.phone 'none'}`` has a default for an empty value (a quote in it is
doubled); ``${firstnotnull(user.displayname,user.loginname)}`` is the first value that is not empty, and may have a
default, too. ``${user.property.department}`` is a property of the person, ``${invitation.field.room}`` a free field of
the invitation; both are empty where there is none of that name.
Text is scanned once, left to right: inserted values are not scanned again, so that no value can bring in a macro.
There are no expressions, filters or attributes, hence nothing to execute.
"""

import html
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from otae.delivery.texts.kinds import AFTERWARDS, APPROVAL, APPROVED, KINDS, LINKING
from otae.errors import InputRefused
from otae.text import why_refused
from otae.translatable import N_

#: What the macros of user properties begin with; the property's name follows, in letters of either case.
PROPERTY: Final = "user.property."
#: The same for the free fields of an invitation.
FIELD: Final = "invitation.field."
_OPEN: Final = (PROPERTY, FIELD)
_EVERYWHERE = frozenset(KINDS)
#: Name of each macro → the kinds of message in which it has a value.
MACROS: Mapping[str, frozenset[str]] = {
    "enrollment.url": frozenset({*LINKING, APPROVED}),
    "enrollment.pin": frozenset({"pin"}),
    "enrollment.expires": _EVERYWHERE - AFTERWARDS,
    "enrollment.mode": _EVERYWHERE,
    "user.displayname": _EVERYWHERE,
    "user.loginname": _EVERYWHERE,
    "user.mail": _EVERYWHERE,
    "user.phone": _EVERYWHERE,
    "invitation.inviter": _EVERYWHERE,
    "invitation.note": _EVERYWHERE,
    "invitation.asset_tag": _EVERYWHERE,
    "invitation.cost_centre": _EVERYWHERE,
    "invitation.tags": _EVERYWHERE,
    "invitation.page": frozenset({"notice", "objection"}),
    "objection.url": frozenset({"identity"}),
    "failure.reason": frozenset({"notice", "trouble"}),
    "failure.page": frozenset({"trouble"}),
    "approval.page": frozenset({APPROVAL}),
    "server.accent": _EVERYWHERE,
    "server.logo": _EVERYWHERE,
    "server.name": _EVERYWHERE,
    "root.fingerprint": _EVERYWHERE,
    "server.warning": frozenset(LINKING),
    "support.contact": _EVERYWHERE,
}
#: Macros not allowed in a subject: subjects show on locked screens and in the logs of mail servers.
SECRET = frozenset({"enrollment.url", "enrollment.pin", "approval.page", "objection.url"})
#: Macros that only the HTML of a mail may hold: their values are HTML or belong into a style.
HTML_ONLY = frozenset({"server.accent", "server.logo"})
#: Most bytes of one text, in UTF-8.
MAX_BYTES = 64 * 1024
#: Most characters of a text message, before values are inserted.
MAX_SMS = 1000
#: Most macros in one text, so that the filled text stays bounded.
MAX_MACROS = 200

_MACRO = re.compile(r"\$\{([^{}]*)\}")
_NAME = rf"(?:(?:{'|'.join(map(re.escape, _OPEN))})[A-Za-z0-9][A-Za-z0-9_.-]{{0,59}}|[a-z]+\.[a-z_]+)"
_GRAMMAR = re.compile(
    rf"\s*(?:(?P<name>{_NAME})|firstnotnull\(\s*(?P<names>{_NAME}(?:\s*,\s*{_NAME})*)\s*\))"
    r"(?:\s+'(?P<default>(?:[^'{}]|'')*)')?\s*"
)
#: Matches the name in an invalid macro, to quote it in the refusal.
_INTENDED = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*")


@dataclass(frozen=True)
class Macro:
    """A parsed macro: the first of ``names`` with a value, else ``default``."""

    names: tuple[str, ...]
    default: str


def fill(text: str, values: Mapping[str, str], *, escape: bool = False) -> str:
    """Return ``text`` with each macro replaced by its value.

    Invalid macros, and those without an entry in ``values``, are left as they are; a property or free field that is not
    there is empty. ``escape``: HTML-escape the values that are not HTML already (Markup).
    """

    def put(match: re.Match[str]) -> str:
        macro = _read(match[1])
        if macro is None or any(name not in values and not name.startswith(_OPEN) for name in macro.names):
            return match[0]
        value = next(filter(None, (values.get(name) for name in macro.names)), macro.default)
        return html.escape(value) if escape and not isinstance(value, Markup) else value

    return _MACRO.sub(put, text)


def has_value(kind: str, name: str) -> bool:
    """Return whether the macro ``name`` may have a value in messages of ``kind``."""
    return name.startswith(_OPEN) or kind in MACROS[name]


def properties_in(*texts: str) -> set[str]:
    """Return the names of the user properties that the macros in ``texts`` name."""
    return {name for text in texts for match in _MACRO.finditer(text) for name in _properties(match)}


def check_template(
    kind: str, *, subject: str, text: str, html: str, sms: str = "", unknown: Collection[str] = ()
) -> None:
    """Check a template of ``kind``.

    Args:
        sms: May be empty: the default text message is sent then.
        unknown: User properties that nobody has.

    Raises:
        InputRefused: Names each invalid field, with macro, line and column.
    """
    if kind not in KINDS:
        raise InputRefused({"kind": N_("choose %(others)s or %(last)s", others=", ".join(KINDS[:-1]), last=KINDS[-1])})
    parts = {"subject": subject, "text": text, "html": html} | ({"sms": sms} if sms else {})
    fields = {
        name: wrong
        for name, value in parts.items()
        if (wrong := _text_error(kind, name, value) or _unknown_property(value, unknown))
    }
    if fields:
        raise InputRefused(fields)


def _read(inside: str) -> Macro | None:
    match = _GRAMMAR.fullmatch(inside)
    if match is None:
        return None
    names = (match["name"] or match["names"]).split(",")
    return Macro(tuple(name.strip().lower() for name in names), (match["default"] or "").replace("''", "'"))


def _properties(match: re.Match[str]) -> list[str]:
    macro = _read(match[1])
    return [name.removeprefix(PROPERTY) for name in macro.names if name.startswith(PROPERTY)] if macro else []


def _text_error(kind: str, field: str, value: str) -> str | None:
    if not value.strip():
        return N_("is missing")
    if field == "subject" and (len(value) > 300 or why_refused(value)):
        return N_("use one line of at most 300 characters")
    if len(value.encode("utf-8", "surrogatepass")) > MAX_BYTES:
        return N_("is longer than 64 KiB")
    if field == "sms" and len(value) > MAX_SMS:
        return N_("is longer than %(max_sms)s characters", max_sms=MAX_SMS)
    return _macro_error(kind, field, value) or _missing_macro(kind, field, value)


def _missing_macro(kind: str, field: str, value: str) -> str | None:
    needed = "enrollment.pin" if kind == "pin" else "enrollment.url" if kind in LINKING else ""
    macros = (_read(match[1]) for match in _MACRO.finditer(value))
    if field == "subject" or not needed or any(macro and macro.names == (needed,) for macro in macros):
        return None
    return N_("does not say ${%(needed)s}", needed=needed)


def _macro_error(kind: str, field: str, text: str) -> str | None:
    starts = [match.start() for match in re.finditer(r"\$\{", text)]
    if len(starts) > MAX_MACROS:
        return N_("holds more than %(max_macros)s macros", max_macros=MAX_MACROS)
    for start in starts:
        if wrong := _syntax_error(kind, field, _MACRO.match(text, start), _position(text, start)):
            return wrong
    return None


def _unknown_property(text: str, unknown: Collection[str]) -> str | None:
    for match in _MACRO.finditer(text):
        for name in _properties(match):
            if name in unknown:
                return N_(
                    "${%(property)s%(name)s} %(where)s is not known: nobody has this property",
                    property=PROPERTY,
                    name=name,
                    where=_position(text, match.start()),
                )
    return None


def _position(text: str, start: int) -> str:
    return N_(
        "at line %(line)s, column %(column)s",
        line=text.count(chr(10), 0, start) + 1,
        column=start - text.rfind(chr(10), 0, start),
    )


def _syntax_error(kind: str, field: str, match: re.Match[str] | None, where: str) -> str | None:
    if match is None:
        return N_("the macro %(where)s has no end: write } after its name", where=where)
    if macro := _read(match[1]):
        return next(filter(None, (_name_error(kind, field, name, where) for name in macro.names)), None)
    if meant := _INTENDED.fullmatch(match[1]):
        return N_("${%(meant)s} %(where)s is not known", meant=meant[1][:40], where=where)
    return N_("the macro %(where)s cannot be read: write ${user.phone} or ${user.phone 'none'}", where=where)


def _name_error(kind: str, field: str, name: str, where: str) -> str | None:
    if name.startswith(_OPEN):
        return None
    if name not in MACROS:
        return N_("${%(name)s} %(where)s is not known", name=name[:40], where=where)
    if kind not in MACROS[name]:
        return N_("${%(name)s} %(where)s has no value in this message", name=name, where=where)
    if field != "html" and name in HTML_ONLY:
        return N_("${%(name)s} %(where)s is for the HTML alone", name=name, where=where)
    if field == "subject" and name in SECRET:
        return N_("${%(name)s} %(where)s is a secret: put it into the message, not the subject", name=name, where=where)
    return None
