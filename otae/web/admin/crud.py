"""Base classes of pages that add, show, change, test and remove rows of one kind (docs/adr/0027).

The pages of carriers, directories, notification servers, roles and users are subclasses.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar
from uuid import UUID

from starlette.responses import Response

from otae.translatable import N_
from otae.web.admin.page_parts import row_id
from otae.web.forms import Form
from otae.web.pages import is_fragment_request, redirect, render
from otae.web.visits import Console
from otae.words import gettext as _

Row = TypeVar("Row")
RowForm = TypeVar("RowForm", bound=Form)


class FormPages(ABC, Generic[Row, RowForm]):
    """The forms of one kind of row; the route table names ``blank``, ``add``, ``show`` and ``change``.

    A subclass says how a row is found, stored and shown, and overrides what else differs.

    Attributes:
        form: The form; its fields are filled from the row's columns of their names.
        index: The address of the list.
        named_by: The column with the name of a row in notes.
        added: The note about a row that was added, "%s" for its name; likewise ``saved``.
    """

    form: type[RowForm]
    index: ClassVar[str]
    named_by: ClassVar[str] = "name"
    added: ClassVar[str] = N_("%s was added.")
    saved: ClassVar[str] = N_("%s was saved.")

    @abstractmethod
    async def find(self, visit: Console) -> Row:
        """Return the row in the address; NotFound without one."""

    @abstractmethod
    async def store(self, visit: Console, form: RowForm, row: Row | None) -> Row:
        """Store what was entered as a new row, or in ``row``, and return it; InputRefused names what is wrong."""

    @abstractmethod
    async def page(self, visit: Console, form: RowForm, row: Row | None, *, status: int = 200) -> Response:
        """Return the page with the form of a new row, or of ``row``."""

    def address(self, row: Row) -> str:
        """Return the address shown after ``row`` was stored; by default the list's."""
        del row
        return self.index

    async def empty(self, visit: Console) -> RowForm:
        """Return the empty form for a new row."""
        del visit
        return self.form()

    async def filled(self, visit: Console, row: Row) -> RowForm:
        """Return the form filled with the values of ``row``."""
        del visit
        return self.form.filled(row)

    async def read(self, visit: Console, row: Row | None) -> RowForm:
        """Return the form as it was sent, for a new row or for ``row``."""
        del row
        return await self.form.read(visit.request)

    async def blank(self, visit: Console) -> Response:
        """Show the form of a new row."""
        return await self.page(visit, await self.empty(visit), None)

    async def add(self, visit: Console) -> Response:
        """Add a row."""
        return await self.submit(visit, None)

    async def show(self, visit: Console) -> Response:
        """Show the form of a row."""
        row = await self.find(visit)
        return await self.page(visit, await self.filled(visit, row), row)

    async def change(self, visit: Console) -> Response:
        """Change a row."""
        return await self.submit(visit, await self.find(visit))

    async def try_store(self, visit: Console, form: RowForm, row: Row | None) -> Row | None:
        """Store the form; None when it was refused, and the form says why."""
        if form.validate():
            with form.refusals():
                return await self.store(visit, form, row)
        return None

    async def stored(self, visit: Console, form: RowForm, row: Row, note: str) -> Response:
        """Return the answer to a form that was stored in ``row``."""
        del visit
        return redirect(self.address(row), "success", note + form.left_out)

    async def submit(self, visit: Console, row: Row | None) -> Response:
        """Store the form as a new row or in ``row``; a refused one is shown again."""
        form = await self.read(visit, row)
        if stored := await self.try_store(visit, form, row):
            note = _(self.saved if row else self.added) % getattr(stored, self.named_by)
            return await self.stored(visit, form, stored, note)
        # What was refused may stand in the row already, so it is read anew.
        return await self.page(visit, form, await self.find(visit) if row else None, status=422)


class CrudPages(FormPages[Row, RowForm]):
    """The forms of one kind of row, and ``remove``; ``removed`` is the note about a row that was removed."""

    removed: ClassVar[str] = N_("%s was removed.")

    @abstractmethod
    async def delete(self, visit: Console, row: Row) -> None:
        """Remove ``row``."""

    async def remove(self, visit: Console) -> Response:
        """Remove a row."""
        row = await self.find(visit)
        await self.delete(visit, row)
        return redirect(self.index, "success", _(self.removed) % getattr(row, self.named_by))


class TestedPages(CrudPages[Row, RowForm]):
    """The pages of rows that can be tested: the page of a row polls for its last test.

    Attributes:
        template: The template of a row's page; its block "test" shows the test.
    """

    template: ClassVar[str]

    @abstractmethod
    async def test_context(self, row_id: UUID) -> dict[str, object]:
        """Return what the block "test" shows; its "mark" changes with the test."""

    async def show(self, visit: Console) -> Response:
        """Show the form of a row and its last test.

        A page that polls gets only the test, or 204 while it shows the test as it is.
        """
        if not is_fragment_request(visit.request):
            return await super().show(visit)
        context = await self.test_context(row_id(visit.request))
        if visit.request.query_params.get("seen") == context["mark"]:
            return Response(status_code=204)
        return render(visit.request, self.template, context, block="test")
