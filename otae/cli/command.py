"""What all commands share: opening the installation, printing results, reporting refusals.

Exit status: 0 done, 1 refused with one clear line on standard error, 2 wrong usage.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import NoReturn, TypeVar

import click

from otae import __version__
from otae.authority.ca_files import EMPTY_FILE, read_authorities
from otae.directory.files.spreadsheets import with_byte_order_mark
from otae.errors import InputRefused, OtaeError, StaleState
from otae.invitations.listing import rfc3339
from otae.settings import Settings
from otae.store import database
from otae.store.desk import Desk
from otae.store.installation import open_desk

ACTOR = "command line"
#: Commands that run until SIGTERM: an exception that ends one belongs into its log with the traceback.
PROCESSES = (["serve"], ["worker"], ["clock"])

Result = TypeVar("Result")
Work = Callable[[Desk, datetime], Awaitable[Result]]
Rows = Sequence[dict[str, object]] | dict[str, object]

as_json = click.option("--json", "json_wanted", is_flag=True, help="Print JSON instead of a table.")
password_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
passphrase_stdin = click.option("--passphrase-stdin", is_flag=True, help="Read the passphrase from standard input.")


def main() -> NoReturn:
    """Run the command line of this process and exit."""
    try:
        code = commands.main(prog_name="otae", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(130)
    except StaleState:
        fail("somebody else changed this a moment ago: look again, then decide")
    except OtaeError as error:
        fail(str(error))
    except Exception as error:
        if os.environ.get("OTAE_LOG_LEVEL") == "DEBUG" or sys.argv[1:2] in PROCESSES:
            raise
        fail(f"internal error, and not yours: {type(error).__name__}: {error} (OTAE_LOG_LEVEL=DEBUG shows where)")
    sys.exit(code if isinstance(code, int) else 0)


def fail(words: str) -> NoReturn:
    """Print one line on standard error and exit with 1."""
    click.echo(f"otae: {' '.join(words.split())}", err=True)
    sys.exit(1)


def settings() -> Settings:
    """Return the settings in this process's environment."""
    return Settings.load(os.environ)


def run_with_desk(work: Work[Result], *, examining: bool = False) -> Result:
    """Open the installation and return what ``work`` returns; ``examining``: even when its tables are out of date.

    A server running at the same time finds queued rows by its sweep.
    """

    async def opened() -> Result:
        async with open_desk(settings(), role="command", examining=examining) as desk:
            return await work(desk, await database.now())

    return asyncio.run(opened())


def with_desk(work: Callable[..., Awaitable[Rows | None]]) -> Callable[..., None]:
    """Make a command of ``work``: call it with an opened desk, the time and the options, and print what it returns."""

    @wraps(work)
    def command(*, json_wanted: bool = False, **options: object) -> None:
        rows = run_with_desk(lambda desk, now: work(desk, now, **options))
        if rows is not None:
            emit(rows, json_wanted=json_wanted)

    return command


def emit(rows: Rows, *, json_wanted: bool) -> None:
    """Print a result: as JSON, or for people as aligned columns or "name: value" lines."""
    if json_wanted:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False, default=str))
    elif isinstance(rows, dict):
        for name, value in rows.items():
            click.echo(f"{name}: {display_text(value)}")
    elif rows:
        names = list(rows[0])
        widths = [max(len(name), *(len(display_text(row[name])) for row in rows)) for name in names]
        click.echo("  ".join(name.ljust(width) for name, width in zip(names, widths, strict=True)).rstrip())
        for row in rows:
            cells = (display_text(row[name]).ljust(width) for name, width in zip(names, widths, strict=True))
            click.echo("  ".join(cells).rstrip())


def as_row(item: object, *names: str) -> dict[str, object]:
    """Return the attributes of these names, times as RFC 3339."""
    values = ((name, getattr(item, name)) for name in names)
    return {name: rfc3339(value) if isinstance(value, datetime) else value for name, value in values}


def display_text(value: object) -> str:
    """Return a value as text for people; a dash for none."""
    if isinstance(value, bool):
        return str(value).lower()
    return "-" if value is None or value == "" else str(value)


def refuse_existing(file: Path) -> None:
    """Raise InputRefused when ``file`` exists and would be overwritten; "-" is standard output."""
    if file.exists() and str(file) != "-":
        raise InputRefused({"": f"{file} exists already: name a file that does not"})


async def write_csv(file: Path, parts: AsyncIterator[str]) -> None:
    """Write CSV to ``file`` with a byte order mark for spreadsheets; "-" is standard output, without the mark."""
    with click.open_file(str(file), "w", encoding="utf-8") as opened:
        async for part in parts if str(file) == "-" else with_byte_order_mark(parts):
            opened.write(part.replace("\r\n", "\n"))


def read_ca_file(file: Path | None) -> str:
    """Return the CA certificates in a file as PEM, and print which could not be read. Raises InputRefused."""
    data = file.read_bytes() if file else b""
    if file and not data.strip():
        raise InputRefused({"ca_file": EMPTY_FILE})
    authorities = read_authorities(data, "ca_file")
    print_left_out(authorities.left_out)
    return authorities.pem


def print_left_out(left_out: Sequence[str]) -> None:
    """Print on standard error which certificates of a file were left out."""
    for words in left_out:
        click.echo(f"left out: {words}", err=True)


def read_password(wanted: bool) -> str | None:  # noqa: FBT001 - the flag itself
    """Return the first line of standard input when ``wanted``, else None."""
    return sys.stdin.readline().rstrip("\r\n") if wanted else None


def read_passphrase(wanted: bool) -> str:  # noqa: FBT001 - the flag itself
    """Return a passphrase from standard input; exits with wrong usage unless ``wanted``.

    A secret is never a command line argument: every local user could read it there.
    """
    if not wanted:
        raise click.UsageError("give --passphrase-stdin and the passphrase on standard input")
    return sys.stdin.readline().rstrip("\r\n")


@click.group(name="otae", context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="otae")
def commands() -> None:
    """The enrollment desk for Macs."""
