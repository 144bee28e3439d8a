"""Templates, translation, formatting of times and numbers, and the log.

English is the source language. Texts are marked where they are written and translated where they are shown, into the
present language, which the request decides. The catalogs lie in otae/locale; `make messages` keeps them in step.
"""

import logging
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from functools import cache
from gettext import NullTranslations, translation
from pathlib import Path
from typing import Final

import structlog
from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from structlog.typing import Processor

from otae import time_zones
from otae.translatable import N_, Translatable

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

LOCALE: Final = Path(__file__).resolve().parent / "locale"

#: The languages of the portal, mails and text messages. In each, every text of the catalog "people" is translated.
PEOPLE_LANGUAGES: Final = ("en", "de", "fr", "es", "it", "nl", "pt-BR", "ja")
#: The languages of the console. In each, every text of the catalog "console" is translated as well.
CONSOLE_LANGUAGES: Final = ("en", "de")

#: An entry of Accept-Language: the language, and how much it is wanted.
ACCEPTED: Final = re.compile(r"([A-Za-z0-9-]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?(?:,|$)")

_language: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """Return the tag of the present language: the page's in a request, else "en"."""
    return _language.get()


def set_language(tag: str) -> None:
    """Make ``tag`` the present language, until the request (or the block of `in_language`) ends."""
    _language.set(tag)


@contextmanager
def in_language(tag: str) -> Iterator[None]:
    """Make ``tag`` the present language for the length of the block."""
    before = _language.set(tag)
    try:
        yield
    finally:
        _language.reset(before)


@cache
def translations(tag: str) -> NullTranslations:
    """Return the catalogs of a language: a text is looked up in "people", then in "console", else it stays English.

    Args:
        tag: A language with or without region: "de", "de-AT".
    """
    catalogs = NullTranslations()
    for domain in ("console", "people"):
        catalog = translation(domain, LOCALE, [tag.replace("-", "_")], fallback=True)
        catalog.add_fallback(catalogs)
        catalogs = catalog
    return catalogs


def locale() -> Locale:
    """Return Babel's locale of the present language: its formats of dates and numbers, its direction."""
    return Locale.parse(language(), sep="-")


def gettext(text: str) -> str:
    """Return ``text`` in the present language; a text without translation as it is."""
    return translated(text) if isinstance(text, Translatable) or not text else translations(language()).gettext(text)


def translated(text: str) -> str:
    """Return a marked text in the present language; any other, such as a person's name, unchanged."""
    return text.translated_by(translations(language())) if isinstance(text, Translatable) else text


def ngettext(one: str, several: str, number: int) -> str:
    """Return the plural form for ``number`` in the present language."""
    return translations(language()).ngettext(one, several, number)


def best_language(accepted: str, offered: Sequence[str]) -> str | None:
    """Return the one of ``offered`` that a browser wants most; None when it wants none of them.

    Args:
        accepted: The header Accept-Language (RFC 9110 §12.5.4). A region falls back to its language,
            and a language to a region of it that is offered: "pt" and "pt-PT" to "pt-BR".
    """
    wanted = [(float(quality or 1), tag.lower()) for tag, quality in ACCEPTED.findall(accepted[:500])]
    known = {tag.partition("-")[0].lower(): tag for tag in reversed(offered)} | {tag.lower(): tag for tag in offered}
    for quality, tag in sorted(wanted, key=lambda each: -each[0]):
        found = known.get(tag) or known.get(tag.partition("-")[0])
        if quality > 0 and found:
            return found
    return None


#: Units of time with their signs, the largest first.
UNITS = (
    (timedelta(days=1), N_("%(count)s d")),
    (timedelta(hours=1), N_("%(count)s h")),
    (timedelta(minutes=1), N_("%(count)s min")),
    (timedelta(seconds=1), N_("%(count)s s")),
)


def environment(helpers: Mapping[str, object] | None = None) -> Environment:
    """Return the Jinja environment of all templates: marked texts are translated where a template shows them.

    Autoescaping is on, and an undefined variable is an error.

    Args:
        helpers: Further functions that templates may call.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=translated,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
    made.filters |= {
        "moment": moment,
        "exact": exact,
        "day": day,
        "span": span,
        "grouped": grouped,
        "tally": tally,
        "translated": translated,
    }
    made.globals |= helpers or {}
    return made


@pass_context
def moment(context: Context, at: datetime | None) -> Markup:
    """Format a time relative to the page's ``now``, with the exact time in the tooltip; a dash for None."""
    if at is None:
        return Markup("<span class='text-secondary'>–</span>")
    now = context.get("now")
    shown = relative(at, now) if isinstance(now, datetime) else exact(at)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact(at), shown)


def exact(at: datetime) -> str:
    """Format a time in full, in the present zone: "2026-12-24 19:00:00 CET"; else as the language writes dates."""
    local = time_zones.local(at)
    zone = time_zones.abbreviation(local, locale())
    if language() == "en":
        return f"{local:%Y-%m-%d %H:%M:%S} {zone}"
    return f"{format_datetime(local, 'medium', locale=locale())} {zone}"


def day(at: datetime) -> str:
    """Format the day of a time in the present zone: "2026-12-24" in English, else as the language writes dates."""
    local = time_zones.local(at)
    return f"{local:%Y-%m-%d}" if language() == "en" else format_date(local, "medium", locale=locale())


def relative(at: datetime, now: datetime) -> str:
    """Format ``at`` relative to ``now``: "just now", "2 h ago", "in 3 d"."""
    distance = at - now
    if abs(distance) < timedelta(seconds=1):
        return gettext("just now")
    text = span(abs(distance))
    return gettext("in %s") % text if distance > timedelta(0) else gettext("%s ago") % text


def span(length: timedelta) -> str:
    """Format a duration in its largest unit, rounded down: "40 min", "22 h"; below a second in tenths."""
    for unit, text in UNITS:
        if length >= unit:
            return gettext(text) % {"count": length // unit}
    return gettext(UNITS[-1][1]) % {"count": format_decimal(length.total_seconds(), "0.0", locale=locale())}


def tally(number: int, most: int = 10_000) -> str:
    """Format a count as the language groups digits, in English by a narrow space; above ``most`` as "10 000+"."""
    if language() == "en":
        shown = f"{min(number, most):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    else:
        shown = format_decimal(min(number, most), locale=locale())
    return shown + ("+" if number > most else "")


def grouped(text: str, size: int = 2, between: str = ":") -> str:
    """Format ``text`` in upper case in groups of ``size``, as fingerprints are read: "AB:CD:EF"."""
    return between.join(text[at : at + size] for at in range(0, len(text), size)).upper()


def configure_logging(level: str) -> None:
    """Log from ``level`` up to standard error, one JSON object a line, for this product and its libraries."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,  # without the local variables, which may hold secrets
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    own_level = logging.getLevelNamesMapping()[level]
    logging.getLogger("otae").setLevel(own_level)
    # Below INFO the libraries log every statement with its values, hashes and sealed secrets among them.
    root.setLevel(max(own_level, logging.INFO))
    for chatty in ("tortoise", "dramatiq", "httpx2"):
        # Their INFO tells of nothing an operator could act on; the last one's holds whole addresses, tokens included.
        logging.getLogger(chatty).setLevel(max(own_level, logging.WARNING))
