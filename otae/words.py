"""Everything that is said: the template environment, gettext, how times are put, and how the log is written.

English is the source language. `gettext` stands at every sentence from the start, so that a catalogue is all another
language needs.
"""

import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from gettext import NullTranslations
from pathlib import Path

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup
from structlog.typing import Processor

from otae.contacts import shown_address

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

_translations = NullTranslations()
gettext = _translations.gettext
ngettext = _translations.ngettext


def N_(text: str) -> str:  # noqa: N802 - the name by which extractors know a text that is translated where it is shown
    """Return ``text``: it is marked here for the catalogue, and handed to `gettext` later, by whoever shows it."""
    return text


#: Largest unit first: how long it is, and its short sign.
UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def environment(helpers: Mapping[str, object] | None = None) -> Environment:
    """Return the environment all templates live in: everything escaped, a missing value is an error.

    ``helpers``: further functions that templates may call.
    """
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    made.install_gettext_translations(_translations, newstyle=True)  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
    made.filters |= {
        "moment": moment,
        "exact": exact,
        "span": span,
        "grouped": grouped,
        "mail": shown_address,
        "tally": tally,
    }
    made.globals |= helpers or {}
    return made


@pass_context
def moment(context: Context, at: datetime | None) -> Markup:
    """Put a time relative to the page's ``now``, exact on hover; a dash for none."""
    if at is None:
        return Markup("<span class='text-secondary'>–</span>")
    now = context.get("now")
    shown = relative(at, now) if isinstance(now, datetime) else exact(at)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact(at), shown)


def exact(at: datetime) -> str:
    """Put a time in full, with its zone."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def relative(at: datetime, now: datetime) -> str:
    """Put ``at`` as people say it at ``now``: "just now", "2 h ago", "in 3 d"."""
    away = at - now
    if abs(away) < timedelta(seconds=1):
        return gettext("just now")
    text = span(abs(away))
    return gettext("in %s") % text if away > timedelta(0) else gettext("%s ago") % text


def span(length: timedelta) -> str:
    """Put a length of time in its largest unit, rounded down: "40 min", "22 h"; below a second in tenths."""
    for unit, sign in UNITS:
        if length >= unit:
            return f"{length // unit} {sign}"
    return f"{length.total_seconds():.1f} s"


def tally(number: int, most: int = 10_000) -> str:
    """Put a count in groups of three digits; one that was not counted to its end as "10 000+"."""
    return f"{min(number, most):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + ("+" if number > most else "")


def grouped(text: str, size: int = 2, between: str = ":") -> str:
    """Put ``text`` in groups of ``size``, as fingerprints are read: "AB:CD:EF"."""
    return between.join(text[at : at + size] for at in range(0, len(text), size)).upper()


def configure_logging(level: str) -> None:
    """Write the log as one JSON object a line on standard error, ours and other libraries' alike, from ``level`` up."""
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
    ours = logging.getLevelNamesMapping()[level]
    logging.getLogger("otae").setLevel(ours)
    # Below INFO the libraries log every statement with its values, hashes and sealed secrets among them.
    root.setLevel(max(ours, logging.INFO))
    for chatty in ("tortoise", "dramatiq", "httpx2"):
        # Their INFO tells of nothing an operator could act on; the last one's holds whole addresses, tokens included.
        logging.getLogger(chatty).setLevel(max(ours, logging.WARNING))
