"""The part of a form that says which authorities a server's certificate must lead to: pasted, or as a file."""

from collections.abc import Sequence
from typing import Final

from otae.authority.ca_files import EMPTY_FILE, read_authorities
from otae.errors import InputRefused
from otae.web.admin.page_parts import NamedForm
from otae.web.forms import FileField, TextAreaField
from otae.words import gettext as _

#: Certificates that could not be read and are told of one by one.
_TOLD: Final = 3


class AuthoritiesForm(NamedForm):
    """A form with certificates of authorities. ``left_out``: what is told of those that could not be read."""

    ca_pem = TextAreaField(_("Certificates"))
    ca_file = FileField(_("Certificate file"))
    left_out: str = ""

    def read_authorities(self, file: bytes) -> str:
        """Return what was chosen, else what was pasted, as PEM made anew.

        Raises InputRefused ("ca_file"); pasted text that cannot be taken is returned for the room to refuse with the
        rest.
        """
        pasted = self.ca_pem.data or ""
        if self.ca_file.data and not file.strip():
            raise InputRefused({"ca_file": EMPTY_FILE})
        try:
            found = read_authorities(file or pasted.encode("utf-8", "replace"), "ca_file")
        except InputRefused:
            if file:
                raise
            return pasted
        self.left_out = told_left_out(found.left_out)
        return found.pem


def told_left_out(left_out: Sequence[str]) -> str:
    """Return what is said behind "it was saved" of certificates that could not be read, "" when all could."""
    told = "; ".join(left_out[:_TOLD])
    return " " + _("%(number)d left out: %(told)s.") % {"number": len(left_out), "told": told} if left_out else ""
