"""Marks English texts for translation where they are written; `words.gettext` translates them where they are shown.

This module imports nothing, so that every room can mark its texts.
"""

from collections.abc import Iterable, Mapping
from gettext import NullTranslations
from typing import Self


class Translatable(str):
    """A marked text: in English, with its values filled in, and with what its translation needs.

    Everything that knows only `str` sees the English text: logs, commands, tests, JSON.
    """

    __slots__ = ("number", "plural", "source", "values")

    source: str
    plural: str
    number: int | None
    values: Mapping[str, object]

    def __new__(cls, source: str, values: Mapping[str, object], plural: str = "", number: int | None = None) -> Self:
        """Mark ``source``, or for a ``number`` its plural form."""
        text = super().__new__(cls, _filled_in(source if number in {None, 1} else plural, values))
        text.source, text.plural, text.number, text.values = source, plural, number, values
        return text

    def __reduce__(self) -> tuple[type[Self], tuple[object, ...]]:
        """Return what `copy` and `pickle` make an equal text from."""
        return type(self), (self.source, self.values, self.plural, self.number)

    def translated_by(self, catalog: NullTranslations) -> str:
        """Return the text in the language of ``catalog``, its values that are marked as well."""
        if self.number is None:
            pattern = catalog.gettext(self.source)
        else:
            pattern = catalog.ngettext(self.source, self.plural, self.number)
        values = {
            name: value.translated_by(catalog) if isinstance(value, Translatable) else value
            for name, value in self.values.items()
        }
        return _filled_in(pattern, values)


def N_(text: str, /, **values: object) -> Translatable:  # noqa: N802 - the name by which extractors know a marked text
    """Mark ``text`` for the catalogs and return it in English, with ``values`` in the place of "%(name)s"."""
    return Translatable(text, values)


def NN_(one: str, several: str, number: int, /, **values: object) -> Translatable:  # noqa: N802 - the same, for a plural
    """Mark a text with a singular and a plural form, return the one for ``number``, and put that for "%(num)d"."""
    return Translatable(one, {"num": number, **values}, several, number)


class _Joined(Translatable):
    """Texts in a row, each translated by itself."""

    __slots__ = ()

    def translated_by(self, catalog: NullTranslations) -> str:
        parts = self.values.values()
        return "".join(each.translated_by(catalog) if isinstance(each, Translatable) else str(each) for each in parts)


def joined(texts: Iterable[str], between: str = "; ") -> str:
    """Return ``texts`` as one, with ``between`` between them; what is marked is translated where it is shown."""
    pieces = [piece for text in texts for piece in (between, text)][1:]
    values = {f"piece{number}": piece for number, piece in enumerate(pieces)}
    return _Joined("".join(f"%({name})s" for name in values), values)


def _filled_in(pattern: str, values: Mapping[str, object]) -> str:
    """Return ``pattern`` with ``values`` in their places; without values it is text, and "%" stands for itself."""
    return pattern % values if values else pattern
