"""Marks English texts for translation where they are written; `words.gettext` translates them where they are shown.

This module imports nothing, so that every room can mark its texts.
"""

from collections.abc import Mapping
from gettext import NullTranslations


class Translatable(str):
    """An English text with its values filled in, which keeps what its translation needs.

    Everything that knows only `str` sees the English text: logs, commands, tests, JSON.
    """

    __slots__ = ("number", "plural", "source", "values")

    source: str
    plural: str
    number: int | None
    values: Mapping[str, object]

    def translated_by(self, catalog: NullTranslations) -> str:
        """Return the text in the language of ``catalog``, its values that are translatable as well."""
        if self.number is None:
            pattern = catalog.gettext(self.source)
        else:
            pattern = catalog.ngettext(self.source, self.plural, self.number)
        return pattern % {
            name: value.translated_by(catalog) if isinstance(value, Translatable) else value
            for name, value in self.values.items()
        }


def N_(text: str, **values: object) -> str:  # noqa: N802 - the name by which extractors know a marked text
    """Mark ``text`` for the catalogs and return it in English, with ``values`` in the place of "%(name)s"."""
    return _made(text, "", None, values) if values else text


def NN_(one: str, several: str, number: int, **values: object) -> str:  # noqa: N802 - the same, for a plural
    """Mark a text with a singular and a plural form and return the one for ``number``; "%(num)d" stands for it."""
    return _made(one, several, number, {"num": number, **values})


def _made(source: str, plural: str, number: int | None, values: Mapping[str, object]) -> Translatable:
    text = Translatable((source if number in {None, 1} else plural) % values)
    text.source, text.plural, text.number, text.values = source, plural, number, values
    return text
