"""Forms: read from the request, validated, and shown again with what was typed and what was wrong.

A page's form subclasses `Form` with WTForms fields; templates draw it with the macros of ``_parts/forms.html``.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache, partial
from gettext import NullTranslations, translation
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import wtforms  # type: ignore[import-untyped]  # ships no types; pages take what they need of it from here
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from otae import time_zones
from otae.errors import InputRefused
from otae.translatable import N_
from otae.web.callers import UPLOAD_CAP
from otae.words import language, translated

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

BooleanField = wtforms.BooleanField
FileField = wtforms.FileField
HiddenField = wtforms.HiddenField
IntegerField = wtforms.IntegerField
PasswordField = wtforms.PasswordField
RadioField = wtforms.RadioField
SelectMultipleField = wtforms.SelectMultipleField
StringField = wtforms.StringField
TextAreaField = wtforms.TextAreaField
InputRequired = wtforms.validators.InputRequired
Length = wtforms.validators.Length
Optional = wtforms.validators.Optional


class TranslatedSelect(wtforms.widgets.Select):  # type: ignore[misc]  # the base class ships no types
    """A list of choices whose marked texts are translated."""

    @classmethod
    def render_option(cls, choice: wtforms.fields.choices.Choice, **attributes: object) -> object:
        """Return one choice."""
        return super().render_option(choice._replace(label=translated(choice.label)), **attributes)


SelectField = partial(wtforms.SelectField, widget=TranslatedSelect())


class _TimeField(wtforms.DateTimeLocalField):  # type: ignore[misc]  # the base class ships no types
    """A date and a time in the viewer's zone: in UTC, None when empty or refused.

    Browsers leave the seconds out, people the T.
    """

    data: datetime | None

    def __init__(self, label: str, validators: Sequence[object] = (), **options: object) -> None:
        formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        super().__init__(label, validators, format=formats, **options)

    def process_formdata(self, values: list[str]) -> None:
        """Read what was entered; ValueError with a text for the page when it is no time."""
        super().process_formdata(values)
        entered, self.data = self.data, None
        try:
            self.data = time_zones.read_time(entered.isoformat()) if entered else None
        except ValueError:
            raise ValueError(N_("Use a date and a time, such as 2026-12-24 18:00.")) from None


TimeField: Any = _TimeField  # untyped, as the other fields are

MAX_FIELDS = 200
#: Fields whose values no page shows again.
NEVER_SHOWN = (PasswordField, FileField)

Entry = TypeVar("Entry", bound="DataclassInstance")


@dataclass(frozen=True)
class Remedy:
    """A link to the place where what is missing can be set; ``href`` is a path of ours or an anchor on the page."""

    href: str
    words: str


class Form(wtforms.Form):  # type: ignore[misc]  # the base class ships no types
    """The base class of forms: ``await MyForm.read(request)`` reads one, ``MyForm(data={…})`` fills one in.

    Attributes:
        never_kept: Names of fields that hold a secret, besides password fields.
        sent: The texts that the browser sent.
        enter_again: Labels of secrets that were sent; no page shows them again.
        choose_again: Labels of files that were sent; no page shows them again.
        remedies: Links shown below what was refused.
        left_out: A note about what could not be read, to follow the note that the rest was stored.
        status: The status of the page that shows the form; ``headers`` and ``support_code`` are that page's, too.
    """

    class Meta:
        """How WTForms draws these forms: its own messages are translated, and a refused field is marked as invalid."""

        def get_translations(self, _form: wtforms.Form) -> NullTranslations:
            """Return the catalog of the present language."""
            return own_messages(language())

        def render_field(self, field: wtforms.Field, attributes: dict[str, object]) -> object:
            """Return ``field`` as HTML; a refused one points to its errors, which the macro ``refused`` writes."""
            if field.errors:
                described = f"{attributes.get('aria-describedby', '')} {field.id}-errors".strip()
                attributes = {
                    **attributes,
                    "class": f"{attributes.get('class', '')} is-invalid",
                    "aria-invalid": "true",
                    "aria-describedby": described,
                }
            return wtforms.meta.DefaultMeta.render_field(self, field, attributes)

    never_kept: ClassVar[frozenset[str]] = frozenset()
    sent: FormData = FormData()
    enter_again: Sequence[str] = ()
    choose_again: Sequence[str] = ()
    remedies: Sequence[Remedy] = ()
    left_out: str = ""
    status: int = 200
    headers: Mapping[str, str] = {}
    support_code: str = ""

    @classmethod
    async def read(cls, request: Request, **choices: object) -> Self:
        """Return the form as it was sent; ``choices`` go to the constructor (WTForms: data, obj, prefix …)."""
        sent = await sent_fields(request)
        texts = FormData([(name, _text(value)) for name, value in sent.multi_items()])
        form = cls(texts, **choices)
        form.sent = texts
        gone = [field for field in form if form.is_secret(field) and field.data]
        form.enter_again = [field.label.text for field in gone if not isinstance(field, FileField)]
        form.choose_again = [field.label.text for field in gone if isinstance(field, FileField)]
        return form

    @classmethod
    def filled(cls, row: object, **shown: object) -> Self:
        """Return the form filled from ``row``, each field from the column of its name.

        A field without column and without value in ``shown`` raises AttributeError, so that none is forgotten.
        Passwords and files stay empty: no page shows them.

        Args:
            shown: Values of fields to use instead of a column.
        """
        names = [field.name for field in cls() if field.name not in shown and not isinstance(field, NEVER_SHOWN)]
        return cls(data={name: getattr(row, name) for name in names} | shown)

    def entered(self, kind: type[Entry], **instead: object) -> Entry:
        """Return what was entered as a dataclass of ``kind``, each of its fields from the form field of that name.

        A field that is neither in the form nor in ``instead`` keeps its default; a password left empty is None.

        Args:
            instead: Values that no form field holds as they are.
        """
        names = [each.name for each in fields(kind) if each.name in self and each.name not in instead]
        return kind(**{name: _value(self[name]) for name in names} | instead)

    def values(self, **instead: object) -> dict[str, Any]:
        """Return what was entered by field name: text, never None; for a password left empty None.

        Args:
            instead: Values that no form field holds as they are.
        """
        return {field.name: _value(field) for field in self} | instead

    def is_secret(self, field: wtforms.Field) -> bool:
        """Return whether the value of ``field`` is never kept: passwords, files, and the fields in ``never_kept``."""
        return isinstance(field, NEVER_SHOWN) or field.short_name in self.never_kept

    def refuse(self, refusal: InputRefused) -> None:
        """Add a room's refusal to the fields it names; text for no field of this form stands above the form."""
        for name, text in zip(refusal.fields, map(translated, refusal.fields.values()), strict=True):
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, text]
            else:
                self.form_errors.append(text)

    @contextmanager
    def refusals(self) -> Iterator[None]:
        """Add an InputRefused raised in the block to the form; the code after the block then shows the form again."""
        try:
            yield
        except InputRefused as refusal:
            self.refuse(refusal)

    @property
    def all_errors(self) -> list[tuple[str, str]]:
        """Return (id of the field or "", text that names it) for the summary, in the order of the page.

        A form's own fields stand above those that it shares with other forms (its base class).
        """
        beside = [
            (field.id, f"{translated(field.label.text)}: {translated(text)}")
            for field in sorted(self, key=self._distance)
            for text in field.errors
        ]
        return [("", translated(text)) for text in self.form_errors] + beside

    def _distance(self, field: wtforms.Field) -> int:
        """Return how many classes above this form's declare ``field``."""
        kinds = type(self).__mro__
        return next((at for at, kind in enumerate(kinds) if field.short_name in vars(kind)), len(kinds))


@cache
def own_messages(tag: str) -> NullTranslations:
    """Return the catalog of WTForms' own messages in a language."""
    return translation("wtforms", wtforms.i18n.messages_path(), [tag.replace("-", "_")], fallback=True)


async def sent_fields(request: Request) -> FormData:
    """Return the fields a browser sent, urlencoded or multipart, within the limits."""
    return await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=UPLOAD_CAP)


async def upload(request: Request, name: str) -> bytes:
    """Return the bytes of the file chosen in field ``name``; empty when none was."""
    chosen = (await sent_fields(request)).get(name)
    return await chosen.read() if isinstance(chosen, UploadFile) else b""


def _text(value: str | UploadFile) -> str:
    """Return the value that a form keeps: text with normalized line ends, for a file its name."""
    return value.replace("\r\n", "\n") if isinstance(value, str) else value.filename or ""


def _value(field: wtforms.Field) -> object:
    """Return what was entered in ``field``: text, never None; for a password left empty None."""
    if isinstance(field, PasswordField):
        return field.data or None
    return field.data or "" if isinstance(field, StringField) else field.data
