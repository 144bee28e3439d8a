"""Forms: what a page asks for, read once, shown again with what was typed and what to do about it.

A page's form subclasses `Form` with WTForms fields; templates draw it with the macros of ``_parts/forms.html``.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Self

import wtforms  # type: ignore[import-untyped]  # ships no types; pages take what they need of it from here
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from otae.errors import InputRefused
from otae.web.addresses import UPLOAD_CAP

BooleanField = wtforms.BooleanField
FileField = wtforms.FileField
HiddenField = wtforms.HiddenField
IntegerField = wtforms.IntegerField
PasswordField = wtforms.PasswordField
RadioField = wtforms.RadioField
SelectField = wtforms.SelectField
SelectMultipleField = wtforms.SelectMultipleField
StringField = wtforms.StringField
TextAreaField = wtforms.TextAreaField
InputRequired = wtforms.validators.InputRequired
Length = wtforms.validators.Length
NumberRange = wtforms.validators.NumberRange
Optional = wtforms.validators.Optional

MAX_FIELDS = 200


class Form(wtforms.Form):  # type: ignore[misc]  # the base class ships no types
    """A form of ours. ``await MyForm.read(request)`` gives what was sent, ``MyForm(data={…})`` one filled in.

    ``never_kept``: fields that hold a secret besides password fields. The rest is set by `read` and by
    `refused_forms.take`. ``sent``: the texts a browser sent; ``enter_again``: labels of secrets that a refused form had
    and that are not kept; ``status``, ``headers`` and ``support_code``: what the page that shows it answers with.
    """

    never_kept: ClassVar[frozenset[str]] = frozenset()
    sent: FormData = FormData()
    enter_again: Sequence[str] = ()
    status: int = 200
    headers: Mapping[str, str] = {}
    support_code: str = ""

    @classmethod
    async def read(cls, request: Request, **choices: object) -> Self:
        """Return the form as it was sent. ``choices`` go to the constructor (WTForms: data, obj, prefix …)."""
        sent = await sent_fields(request)
        texts = FormData([(name, value) for name, value in sent.multi_items() if isinstance(value, str)])
        form = cls(texts, **choices)
        form.sent = texts
        return form

    def refuse(self, refusal: InputRefused) -> None:
        """Put a room's refusal beside the fields it names; what names none of them stands above all."""
        for name, text in refusal.fields.items():
            if name in self._fields:
                self._fields[name].errors = [*self._fields[name].errors, text]
            else:
                self.form_errors.append(text)

    @property
    def all_errors(self) -> list[tuple[str, str]]:
        """Return (id of the field or "", text) for the summary, in the order of the page."""
        beside = [(field.id, text) for field in self._fields.values() for text in field.errors]
        return [("", text) for text in self.form_errors] + beside


async def sent_fields(request: Request) -> FormData:
    """Return the form a browser sent, urlencoded or multipart, within the caps."""
    return await request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=UPLOAD_CAP)


async def upload(request: Request, name: str) -> bytes:
    """Return the bytes of the file chosen in field ``name``; empty when none was."""
    chosen = (await sent_fields(request)).get(name)
    return await chosen.read() if isinstance(chosen, UploadFile) else b""
