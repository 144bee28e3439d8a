"""The command line options for the terms of an invitation."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from functools import wraps
from typing import Final

import click

from otae.invitations.channels import CHANNELS
from otae.invitations.terms import OWNERSHIPS, PLATFORMS, InvitationTerms


def _time(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    """Return a time, which is in UTC unless it names another zone."""
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter("write a time such as 2026-12-24T18:00") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


#: Each fills the field of its name.
OPTIONS: Final[Sequence[Callable[[Callable[..., None]], Callable[..., None]]]] = (
    click.option("--mode", help="Enrollment mode; the server property's default when left out."),
    click.option("--ownership", default="corporate", type=click.Choice(OWNERSHIPS), show_default=True),
    click.option("--platform", default="macos", type=click.Choice(PLATFORMS), show_default=True),
    click.option("--serial", help="Serial number of the one Mac this invitation is for."),
    click.option(
        "--no-send", "send", is_flag=True, callback=lambda _context, _option, given: not given, help="Send nothing."
    ),
    click.option("--note", default="", help="A sentence for the people invited; it stands in the messages."),
    click.option("--valid-until", callback=_time, help="When the invitation ends, in UTC, such as 2026-12-24T18:00."),
    click.option("--asset-tag", default="", help="Carried along for the Mac."),
    click.option("--cost-centre", default="", help="Carried along for the Mac."),
    click.option("--tags", default="", help="Carried along for the Mac, separated by commas."),
    click.option(
        "--field",
        "free_fields",
        multiple=True,
        callback=lambda _context, _option, given: "\n".join(given),
        help='Carried along for the Mac, such as --field "room: 12"; may be given again.',
    ),
    click.option(
        "--pin-channel", type=click.Choice(CHANNELS), help="How the PIN goes out; as the mode has it when left out."
    ),
)


def terms_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options to ``command`` and pass their values as one argument ``terms``."""

    @wraps(command)
    def with_terms(**given: object) -> None:
        names = [each.name for each in fields(InvitationTerms) if each.name in given]
        terms = InvitationTerms(**{name: given.pop(name) for name in names})  # type: ignore[arg-type]  # options have the fields' types
        command(terms=terms, **given)

    for option in reversed(OPTIONS):
        with_terms = option(with_terms)
    return with_terms
