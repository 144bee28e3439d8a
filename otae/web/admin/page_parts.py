"""What the console's pages have in common: a row or 404, texts from the address, forms that name their fields."""

from collections.abc import AsyncIterator, Container
from typing import Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from otae.directory.files.spreadsheets import with_byte_order_mark
from otae.errors import StaleState
from otae.invitations import submissions
from otae.text import cleaned_line
from otae.web.failures import Failure, NotFound
from otae.web.forms import Form, sent_fields
from otae.web.guards import Visit
from otae.words import gettext as _

Row = TypeVar("Row")

SENT_ALREADY: Final = _("This was done already. What was shown then is not shown a second time.")

#: Longest text that is searched for.
LONGEST = 100


class NamedForm(Form):
    """A form whose summary says with each text which field it is about."""

    @property
    def all_errors(self) -> list[tuple[str, str]]:
        """Return (id of the field or "", text) for the summary, in the order of the page."""
        beside = [(field.id, f"{field.label.text}: {text}") for field in self._fields.values() for text in field.errors]
        return [("", text) for text in self.form_errors] + beside


def found(row: Row | None) -> Row:
    """Return ``row``; NotFound when there is none."""
    if row is None:
        raise NotFound
    return row


def row_id(request: Request) -> UUID:
    """Return the id of the row that the address names."""
    found_id: UUID = request.path_params["id"]
    return found_id


def id_asked(request: Request, name: str) -> UUID | None:
    """Return the id that the address asks for under ``name``; None when it is no id."""
    try:
        return UUID(request.query_params.get(name, ""))
    except ValueError:
        return None


def new_form_id() -> str:
    """Return what tells a form from every other: it goes along in its hidden field ``form_id``."""
    return str(uuid4())


async def is_sent_again(visit: Visit) -> bool:
    """Tell whether this very form was sent before, as a reload does; one that does not say which it is never was.

    For forms whose answer is shown once, so that it cannot be a redirect.
    """
    try:
        form = UUID(str((await sent_fields(visit.request)).get("form_id")))
        async with submissions.once(form, now=visit.now):
            return False
    except ValueError:
        return False
    except StaleState:
        return True


def one_of(request: Request, name: str, known: Container[str]) -> str:
    """Return what the address asks for under ``name``, "" when nothing; Failure 400 for what is not ``known``."""
    text = request.query_params.get(name, "")
    if text not in known:
        raise Failure(400, _("This list knows no such filter."), "filter-unknown")
    return text


def asked(request: Request, name: str) -> str:
    """Return what the address asks for under ``name``: one printable line, without outer spaces, "" when nothing."""
    text = request.query_params.get(name, "")
    return cleaned_line(text, LONGEST)


def number(request: Request, name: str, most: int) -> int:
    """Return the whole number from 0 to ``most`` that the address asks for under ``name``, else 0."""
    text = request.query_params.get(name, "")
    return min(int(text), most) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def address(path: str, **wanted: object) -> str:
    """Return ``path`` with what is ``wanted``; empty values are left out."""
    query = urlencode({name: value for name, value in wanted.items() if value})
    return f"{path}?{query}" if query else path


def download(parts: AsyncIterator[str], name: str) -> Response:
    """Return a file for spreadsheets, written while it is read."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(with_byte_order_mark(parts), media_type="text/csv; charset=utf-8", headers=headers)
