"""`otae terms-of-use`: the terms that people accept when they sign in to enroll (`branding.portal_texts`)."""

from datetime import datetime
from pathlib import Path

import click

from otae.branding import portal_texts
from otae.branding.portal_texts import TERMS_OF_USE
from otae.cli.command import ACTOR, as_json, as_row, commands, run_with_desk, with_desk
from otae.errors import InputRefused
from otae.store.desk import Desk


@commands.group(name="terms-of-use")
def terms_of_use() -> None:
    """Terms that people accept when they sign in to enroll."""


@terms_of_use.command(name="list")
@as_json
@with_desk
async def terms_of_use_list(_desk: Desk, _now: datetime) -> list[dict[str, object]]:
    """List the languages that there are terms in, with their versions."""
    shown = await portal_texts.shown(TERMS_OF_USE)
    return [as_row(row, "language", "version", "sha256", "created_at", "created_by") for row in shown.values()]


@terms_of_use.command(name="show")
@click.argument("language")
def terms_of_use_show(language: str) -> None:
    """Print the terms in a language, exactly the bytes of which the SHA-256 is stored."""

    async def work(_desk: Desk, _now: datetime) -> str:
        shown = await portal_texts.shown(TERMS_OF_USE)
        if language not in shown:
            raise InputRefused({"language": f"there are no terms of use in {language!r}"})
        return shown[language].text

    click.echo(run_with_desk(work), nl=False)


@terms_of_use.command(name="set")
@click.argument("language")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path, allow_dash=True))
@as_json
@with_desk
async def terms_of_use_set(_desk: Desk, now: datetime, language: str, file: Path) -> dict[str, object]:
    """Show the terms in FILE (UTF-8) from now on, as a new version; "-" is standard input."""
    with click.open_file(str(file), "rb") as opened:
        content = opened.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputRefused({"file": "is not text in UTF-8"}) from None
    if not text.strip():
        raise InputRefused({"file": "is empty: `otae terms-of-use remove` takes terms away"})
    row = await portal_texts.save(TERMS_OF_USE, language, text, now=now, actor=ACTOR)
    return as_row(row, "language", "version", "sha256")


@terms_of_use.command(name="remove")
@click.argument("language")
@with_desk
async def terms_of_use_remove(_desk: Desk, now: datetime, language: str) -> None:
    """Show no terms in a language any more; what was accepted stays recorded."""
    await portal_texts.save(TERMS_OF_USE, language, "", now=now, actor=ACTOR)
