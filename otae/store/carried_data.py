"""What an invitation carries along for the Mac: asset tag, cost centre, tags, and free fields of any name."""

import re
from collections.abc import Mapping
from typing import Final

from otae.text import cleaned_line, why_refused
from otae.translatable import N_

LONGEST: Final = 100
#: Most tags and most free fields.
MOST: Final = 20
#: Field → its title. Tags are separated by commas, free fields are lines such as "room: 12".
TITLES: Final = {
    "asset_tag": N_("Asset tag"),
    "cost_centre": N_("Cost centre"),
    "tags": N_("Tags"),
    "free_fields": N_("Further fields"),
}
#: Longest text of a field as it is stored.
SIZES: Final = {"asset_tag": LONGEST, "cost_centre": LONGEST, "tags": 300, "free_fields": 2000}
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")


def checked(given: object) -> tuple[dict[str, str], dict[str, str]]:
    """Return the fields of a row or request as they are stored, and the errors by field."""
    texts = {name: str(getattr(given, name)) for name in TITLES}
    values = {name: cleaned_line(texts[name]) for name in ("asset_tag", "cost_centre")}
    values["tags"] = ", ".join(dict.fromkeys(filter(None, map(cleaned_line, re.split("[,;]", texts["tags"])))))
    lines = [line for line in texts["free_fields"].splitlines() if line.strip()]
    wrong: dict[str, str] = {
        name: N_("use at most %(most)s letters, none that hides or turns text", most=size)
        for name, size in SIZES.items()
        if len(texts[name]) > size or why_refused(texts[name].replace("\r", "").replace("\n", ""))
    }
    if values["tags"].count(",") >= MOST or len(lines) > MOST:
        wrong.setdefault("tags" if len(lines) <= MOST else "free_fields", N_("use at most %(most)s of them", most=MOST))
    pairs = [tuple(map(cleaned_line, line.partition(":")[::2])) for line in lines]
    if any(not _NAME.fullmatch(name) or not value for name, value in pairs):
        wrong["free_fields"] = N_("write a line for each, such as room: 12; names have letters, digits and . _ -")
    elif len({name.lower() for name, _ in pairs}) < len(pairs):
        wrong["free_fields"] = N_("a name is there twice")
    return values | {"free_fields": "\n".join(f"{name}: {value}" for name, value in pairs)}, wrong


def free_fields(carrier: object) -> dict[str, str]:
    """Return the free fields of a row or request by name."""
    stored = str(getattr(carrier, "free_fields", ""))
    pairs = (line.partition(": ") for line in stored.splitlines())
    return {name: value for name, _, value in pairs}


def facts(carrier: object) -> Mapping[str, str]:
    """Return what is carried along by title, without what is empty."""
    named = {title: str(getattr(carrier, name)) for name, title in TITLES.items() if name != "free_fields"}
    return {title: value for title, value in (named | free_fields(carrier)).items() if value}
