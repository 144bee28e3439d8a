"""Keep the catalogs in otae/locale in step with the texts that are marked: ``python -m tests.messages``.

It extracts every marked text, merges them into each language's catalogs (`people`: the portal, mails, text messages and
the refusals that people see; `console`: everything else), and compiles them. It fails while a text of `people` is
untranslated or fuzzy in a shipped language, or a text of `console` in a language whose console is complete.
"""

import ast
import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Final, TypeAlias, TypeGuard

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from otae import errors
from otae.words import CONSOLE_LANGUAGES, LOCALE, PEOPLE_LANGUAGES
from tests.house.tree import texts

#: What stands in these places is for people; _parts as far as the portal uses them.
PEOPLE: Final = (
    "templates/portal/",
    "templates/mail/",
    "templates/_parts/flash.html",
    "templates/_parts/drawings.html",
    "templates/_parts/forms.html",
    "templates/_parts/language.html",
    "templates/_parts/help.html",
    "templates/_parts/install-end.html",
    "templates/_parts/install-step.html",
    "templates/_parts/me-link.html",
    "templates/_parts/leaving.html",
    "templates/_parts/not-a-mac.html",
    "templates/_parts/terms-of-use.html",
    "templates/_parts/profile-steps.html",
    "templates/_parts/trust-words.html",
    "templates/_parts/rights.html",
    "templates/_parts/trust.html",
    "templates/_parts/way.html",
    "templates/_parts/where-profiles.html",
    "templates/_parts/whom-to-ask.html",
    "otae/accounts/password_links.py",
    "otae/apple/access_rights.py",
    "otae/delivery/texts/compose.py",
    "otae/delivery/texts/default_texts.py",
    "otae/delivery/texts/languages.py",
    "otae/directory/local/passwords.py",
    "otae/enrollment/",
    "otae/store/mode_table.py",
    "otae/web/cookie_check.py",
    "otae/web/failures.py",
    "otae/web/middleware.py",
    "otae/web/portal/",
    "otae/web/whom_to_ask.py",
    "otae/words.py",
)
KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "NN_": (1, 2), "ngettext": (1, 2)}
OPTIONS: Final = {
    "extensions": "jinja2.ext.do",
    "trim_blocks": "true",
    "lstrip_blocks": "true",
    "silent": "false",
    "encoding": "utf-8",
}
#: A compiled catalog changes only when a text does.
NO_DATE: Final = datetime(2026, 1, 1, tzinfo=UTC)
#: A text, or its singular and plural.
Message: TypeAlias = str | tuple[str, ...]


def main() -> int:
    """Update and compile every catalog; return 1 when a text that has to be translated is not."""
    missing = 0
    for path in catalogs():
        catalog = updated(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(written(catalog))
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, translated_part(catalog))
        for text in untranslated(path, catalog):
            missing += 1
            sys.stderr.write(f"{path.relative_to(LOCALE)}: not translated, or to be looked at: {text}\n")
    return 1 if missing else 0


def catalogs() -> list[Path]:
    """Return the path of every catalog: `people` of every shipped language, `console` of those begun."""
    shipped = [LOCALE / tag.replace("-", "_") / "LC_MESSAGES" / "people.po" for tag in PEOPLE_LANGUAGES if tag != "en"]
    complete = [LOCALE / tag / "LC_MESSAGES" / "console.po" for tag in CONSOLE_LANGUAGES if tag != "en"]
    return sorted({*shipped, *complete, *LOCALE.glob("*/LC_MESSAGES/console.po")})


@cache
def extracted() -> dict[str, list[Message]]:
    """Return the marked texts of each domain; one that stands in both kinds of places is in `people` alone."""
    people, console = set[Message](), set[Message]()
    words = {kind.words for kind in refusals(errors.Refusal)}
    for name, text in texts().items():
        if name.startswith(("otae/", "templates/")) and name.endswith((".py", ".html", ".txt")):
            for message in marked(name, text):
                # the texts with a plural in errors.py say how long to wait
                refused = name == "otae/errors.py" and (message in words or isinstance(message, tuple))
                people_see_it = name.startswith(PEOPLE) or refused
                (people if people_see_it else console).add(message)
    return {"people": sorted(people, key=str), "console": sorted(console - people, key=str)}


def marked(name: str, text: str) -> Iterator[Message]:
    """Yield the texts that a file marks."""
    method = "python" if name.endswith(".py") else "jinja2.ext:babel_extract"
    for _line, message, _comments, _context in extract(method, io.BytesIO(text.encode()), KEYWORDS, (), OPTIONS):
        if message:
            yield message


def passed_over(source: str) -> Iterator[int]:
    """Yield the lines of Python at which a text is marked inside an f-string, or is one: Babel does not see these."""
    for node in ast.walk(ast.parse(source)):
        within = isinstance(node, ast.JoinedStr)
        calls = (each for each in (ast.walk(node) if within else [node]) if isinstance(each, ast.Call) and each.args)
        for call in calls:
            lost = isinstance(call.args[0], ast.Constant if within else ast.JoinedStr)
            if lost and ast.unparse(call.func) in KEYWORDS:
                yield call.lineno


def refusals(kind: type[errors.Refusal]) -> Iterator[type[errors.Refusal]]:
    """Yield ``kind`` and every kind of refusal below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from refusals(each)


def updated(path: Path) -> Catalog:
    """Return the catalog of ``path`` with the texts that are marked now; those that are gone are dropped."""
    tag, domain = path.parts[-3], path.stem
    known = read(path)
    catalog = Catalog(tag, domain=domain, fuzzy=False, creation_date=NO_DATE, revision_date=NO_DATE)
    for message in extracted()[domain]:
        kept = known.get(message[0] if isinstance(message, tuple) else message)
        same = kept if kept and kept.id == message else None
        catalog.add(message, same.string if same else None, flags=same.flags if same else ())
    return catalog


def read(path: Path) -> Catalog:
    """Return the catalog as it is stored; an empty one when there is none yet."""
    if not path.exists():
        return Catalog(path.parts[-3])
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def written(catalog: Catalog) -> bytes:
    """Return the catalog as a file that changes only when a text does: without dates, places and versions."""
    out = io.BytesIO()
    write_po(out, catalog, width=120, omit_header=True, sort_output=True, no_location=True)
    head = (
        'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
        f'"Language: {catalog.locale_identifier}\\n"\n"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    )
    return head.encode() + out.getvalue()


def untranslated(path: Path, catalog: Catalog) -> list[str]:
    """Return the texts of a catalog that has to be complete which are untranslated or fuzzy."""
    if path.stem == "console" and path.parts[-3] not in CONSOLE_LANGUAGES:
        return []
    return [str(each.id) for each in catalog if each.id and (each.fuzzy or not complete(each.string))]


def translated_part(catalog: Catalog) -> Catalog:
    """Return the catalog without what is untranslated: in its place the source is shown."""
    part = Catalog(catalog.locale, creation_date=NO_DATE, revision_date=NO_DATE, fuzzy=False)
    for each in catalog:
        if each.id and complete(each.string):
            part.add(each.id, each.string, flags=each.flags)
    return part


def complete(string: str | tuple[str, ...] | list[str] | None) -> TypeGuard[str | tuple[str, ...] | list[str]]:
    """Return whether a translation has all of its forms."""
    return bool(string) and all(string or ())


def compiled(path: Path) -> dict[object, str]:
    """Return what the compiled catalog beside ``path`` holds, without its header."""
    with path.with_suffix(".mo").open("rb") as file:
        held: dict[object, str] = vars(GNUTranslations(file))["_catalog"]
    return {key: value for key, value in held.items() if key}


def pairs(catalog: Catalog) -> dict[object, str]:
    """Return what a compiled ``catalog`` has to hold: text → translation, (text, form) → plural form."""
    held: dict[object, str] = {}
    for each in catalog:
        if each.id and not each.fuzzy and complete(each.string):
            if isinstance(each.string, str):
                held[each.id] = each.string
            else:
                held |= {(each.id[0], form): string for form, string in enumerate(each.string)}
    return held


if __name__ == "__main__":
    sys.exit(main())
