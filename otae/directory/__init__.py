"""People and groups, wherever they are kept."""

from typing import Protocol

from otae.store.models import Person


class Directory(Protocol):
    """Where people come from. `directory.local` is one; its functions are this protocol's."""

    async def find_person(self, name: str) -> Person | None:
        """Return the person with user name ``name`` (case does not matter), None when there is none."""

    async def search_people(self, text: str, limit: int = 10) -> list[Person]:
        """Return people whose user name, name or e-mail address holds ``text``, for looking up while typing."""

    async def check_password(self, person: Person | None, password: str) -> bool:
        """Tell whether ``password`` is this person's; nobody costs the same as somebody."""
