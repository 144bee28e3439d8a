"""An organization's own texts on the portal, help and terms of use: one in each language, every version kept."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Final, TypeAlias

from tortoise.exceptions import IntegrityError

from otae.errors import InputRefused
from otae.store import audit
from otae.store.database import transaction
from otae.store.models import PortalText
from otae.text import why_refused
from otae.translatable import N_
from otae.words import PEOPLE_LANGUAGES

#: A version of a text, as pages see it.
PortalTextRow: TypeAlias = PortalText

HELP: Final = "help"
TERMS_OF_USE: Final = "terms-of-use"
#: Kind → most KiB of a text in UTF-8. Terms of use are part of the sign-in page, which is to be light.
LONGEST: Final[Mapping[str, int]] = {HELP: 4, TERMS_OF_USE: 16}
#: Versions that `history` returns.
MOST_SHOWN: Final = 50


async def shown(kind: str) -> dict[str, PortalText]:
    """Return the texts of ``kind`` that are shown now, by language."""
    return {row.language: row for row in await PortalText.filter(kind=kind, replaced_at=None).order_by("language")}


def choose(texts: Mapping[str, PortalText], *languages: str) -> PortalText | None:
    """Return the text in the first of ``languages`` that has one, else in English, else any; None without a text."""
    return next((texts[tag] for tag in (*languages, "en", *texts) if tag in texts), None)


async def history(kind: str, language: str) -> list[PortalText]:
    """Return the versions of a text, the newest first."""
    return await PortalText.filter(kind=kind, language=language).order_by("-version").limit(MOST_SHOWN)


async def save(
    kind: str, language: str, text: str, *, now: datetime, actor: str, replacing: int | None = None
) -> PortalText | None:
    """Show ``text`` from now on as a new version, or nothing when it is empty; audited. Return what is shown.

    Args:
        kind: `HELP` or `TERMS_OF_USE`.
        replacing: The version that the text was written from, 0 for none; None replaces any.

    Raises:
        InputRefused: The language is not one of the portal's, the text is too long or has characters that cannot be
            seen, or another version is shown meanwhile.
    """
    text = cleaned(kind, language, text)
    try:
        async with transaction():
            versions = PortalText.filter(kind=kind, language=language)
            newest = await versions.order_by("-version").first()
            current = newest if newest and newest.replaced_at is None else None
            if replacing is not None and replacing != (current.version if current else 0):
                raise _changed_meanwhile()
            if text == (current.text if current else ""):
                return current
            await versions.filter(replaced_at=None).update(replaced_at=now)
            number, sha256 = newest.version + 1 if newest else 1, hashlib.sha256(text.encode()).hexdigest()
            saved = PortalText(kind=kind, language=language, version=number, text=text, sha256=sha256)
            saved.created_at, saved.created_by = now, actor
            if text:
                await saved.save(force_create=True)
            action, detail = ("changed", f"version {number}, SHA-256 {sha256}") if text else ("removed", "")
            await audit.record(actor, f"{kind}.{action}", now=now, subject=language, detail=detail)
    except IntegrityError:  # of two that save at once, the second would be the same version
        raise _changed_meanwhile() from None
    return saved if text else None


def _changed_meanwhile() -> InputRefused:
    return InputRefused({"text": N_("somebody else changed this text meanwhile: open the page again")})


def cleaned(kind: str, language: str, text: str) -> str:
    """Return ``text`` as it is stored: lines ending in LF, without spaces at their ends. Raises as `save`."""
    if kind not in LONGEST:
        raise InputRefused({"kind": N_("use %(kinds)s", kinds=" or ".join(LONGEST))})
    if language not in PEOPLE_LANGUAGES:
        raise InputRefused({"language": N_("use one of %(languages)s", languages=", ".join(PEOPLE_LANGUAGES))})
    lines = [line.expandtabs(4).rstrip() for line in text.splitlines()]
    for number, line in enumerate(lines, 1):
        if why := why_refused(line):
            raise InputRefused({"text": N_("line %(number)s: %(why)s", number=number, why=why)})
    cleaned_text = "\n".join(lines).strip("\n")
    if len(cleaned_text.encode()) > LONGEST[kind] * 1024:
        raise InputRefused({"text": N_("is longer than %(most)s KiB", most=LONGEST[kind])})
    return cleaned_text
