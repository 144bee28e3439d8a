"""Templates, translation, formatting of times and numbers, and the log.

English is the source language. Every sentence goes through `gettext` from the start, so another language needs only a
catalogue.
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

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"

_translations = NullTranslations()
gettext = _translations.gettext
ngettext = _translations.ngettext


def N_(text: str) -> str:  # noqa: N802 - the name by which extractors know a text that is translated where it is shown
    """Mark ``text`` for the catalogue and return it unchanged; whoever shows it passes it to `gettext`."""
    return text


#: Units of time with their signs, the largest first.
UNITS = (
    (timedelta(days=1), "d"),
    (timedelta(hours=1), "h"),
    (timedelta(minutes=1), "min"),
    (timedelta(seconds=1), "s"),
)


def environment(helpers: Mapping[str, object] | None = None) -> Environment:
    """Return the Jinja environment of all templates: autoescaping is on, and an undefined variable is an error.

    Args:
        helpers: Further functions that templates may call.
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
        "tally": tally,
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
    """Format a time in full, in UTC: "2026-12-24 18:00:00 UTC"."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def relative(at: datetime, now: datetime) -> str:
    """Format ``at`` relative to ``now``: "just now", "2 h ago", "in 3 d"."""
    away = at - now
    if abs(away) < timedelta(seconds=1):
        return gettext("just now")
    text = span(abs(away))
    return gettext("in %s") % text if away > timedelta(0) else gettext("%s ago") % text


def span(length: timedelta) -> str:
    """Format a duration in its largest unit, rounded down: "40 min", "22 h"; below a second in tenths."""
    for unit, sign in UNITS:
        if length >= unit:
            return f"{length // unit} {sign}"
    return f"{length.total_seconds():.1f} s"


def tally(number: int, most: int = 10_000) -> str:
    """Format a count in groups of three digits; a count that stopped above ``most`` as "10 000+"."""
    return f"{min(number, most):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + ("+" if number > most else "")


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
    ours = logging.getLevelNamesMapping()[level]
    logging.getLogger("otae").setLevel(ours)
    # Below INFO the libraries log every statement with its values, hashes and sealed secrets among them.
    root.setLevel(max(ours, logging.INFO))
    for chatty in ("tortoise", "dramatiq", "httpx2"):
        # Their INFO tells of nothing an operator could act on; the last one's holds whole addresses, tokens included.
        logging.getLogger(chatty).setLevel(max(ours, logging.WARNING))
