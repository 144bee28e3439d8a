"""What the console's pages share: query parameters, a row or 404, and forms whose errors name their field."""

from collections.abc import AsyncIterator, Container
from typing import Final, TypeVar
from uuid import UUID, uuid4

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from otae.directory.files.spreadsheets import with_byte_order_mark
from otae.errors import StaleState
from otae.invitations import submissions
from otae.text import cleaned_line, whole_number
from otae.translatable import N_
from otae.web.failures import Failure, NotFound
from otae.web.forms import sent_fields
from otae.web.visits import Visit
from otae.words import gettext as _

Row = TypeVar("Row")

SENT_ALREADY: Final = N_("This was done already. What was shown then is not shown a second time.")

#: Longest text that is searched for.
LONGEST = 100


def or_not_found(row: Row | None) -> Row:
    """Return ``row``; NotFound when it is None."""
    if row is None:
        raise NotFound
    return row


def row_id(request: Request) -> UUID:
    """Return the row's id in the path."""
    found_id: UUID = request.path_params["id"]
    return found_id


def id_param(request: Request, name: str) -> UUID | None:
    """Return the id in query parameter ``name``; None when it is no id."""
    return read_id(request.query_params.get(name, ""))


def read_id(text: str) -> UUID | None:
    """Return ``text`` as an id; None when it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def new_form_id() -> str:
    """Return a random id for the hidden field ``form_id``, by which a form that is sent twice is recognised."""
    return str(uuid4())


async def is_resubmitted(visit: Visit) -> bool:
    """Return whether this form was sent before, as by a reload; False for a form without ``form_id``.

    For forms whose answer is shown once and so cannot be a redirect.
    """
    try:
        form = UUID(str((await sent_fields(visit.request)).get("form_id")))
        async with submissions.once(form, now=visit.now):
            return False
    except ValueError:
        return False
    except StaleState:
        return True


def choice_param(request: Request, name: str, known: Container[str]) -> str:
    """Return query parameter ``name``, "" when absent; Failure 400 when it is not in ``known``."""
    text = request.query_params.get(name, "")
    if text not in known:
        raise Failure(400, _("This list knows no such filter."), "filter-unknown")
    return text


def text_param(request: Request, name: str) -> str:
    """Return query parameter ``name`` as one printable line without outer spaces, "" when absent."""
    text = request.query_params.get(name, "")
    return cleaned_line(text, LONGEST)


def int_param(request: Request, name: str, most: int) -> int:
    """Return query parameter ``name`` as a number from 0 to ``most``; 0 when it is none."""
    return min(whole_number(request.query_params.get(name, "")) or 0, most)


def download(parts: AsyncIterator[str], name: str) -> Response:
    """Return a streamed CSV file for spreadsheets."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(with_byte_order_mark(parts), media_type="text/csv; charset=utf-8", headers=headers)
