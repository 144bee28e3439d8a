"""The form fields for CA certificates that a server's certificate must lead to: pasted, or as a file."""

from collections.abc import Sequence
from typing import Final, Self

from starlette.requests import Request

from otae.authority.ca_files import EMPTY_FILE, read_authorities
from otae.errors import InputRefused
from otae.translatable import N_, joined
from otae.web.callers import UPLOAD_CAP
from otae.web.forms import MAX_FIELDS, FileField, Form, TextAreaField, upload
from otae.words import gettext as _

#: How many unreadable certificates the note names one by one.
_NAMED_ONE_BY_ONE: Final = 3


class AuthoritiesForm(Form):
    """A form with CA certificates."""

    ca_pem = TextAreaField(N_("Certificates"))
    ca_file = FileField(N_("Certificate file"))
    file: bytes = b""

    @classmethod
    async def read(cls, request: Request, **choices: object) -> Self:
        """Return the form as it was sent, with its file."""
        async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=UPLOAD_CAP):
            form = await super().read(request, **choices)
            form.file = await upload(request, "ca_file")
        return form

    def read_authorities(self) -> str:
        """Return the certificates of the file, else the pasted ones, encoded again as PEM.

        Pasted text that cannot be read is returned as it is, for the room to refuse with the rest of the form.

        Raises:
            InputRefused: The file cannot be read ("ca_file").
        """
        pasted = self.ca_pem.data or ""
        if self.ca_file.data and not self.file.strip():
            raise InputRefused({"ca_file": EMPTY_FILE})
        try:
            authorities = read_authorities(self.file or pasted.encode("utf-8", "replace"), "ca_file")
        except InputRefused:
            if self.file:
                raise
            return pasted
        self.left_out = left_out_note(authorities.left_out)
        return authorities.pem


def left_out_note(left_out: Sequence[str]) -> str:
    """Return the note about certificates that could not be read, to follow "it was saved"; "" when all could."""
    named = _(joined(left_out[:_NAMED_ONE_BY_ONE]))
    return " " + _("%(number)d left out: %(told)s.") % {"number": len(left_out), "told": named} if left_out else ""
