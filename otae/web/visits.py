"""What a guarded endpoint gets: the request, the desk, the one time of this request, and who makes it.

`Visit` is anybody, `Console` a signed-in administrator, `Portal` somebody who has signed in to enroll, `SelfService`
somebody who has signed in to their own page; `guards` makes them.
"""

from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request

from otae.accounts import browsers
from otae.accounts.roles import Grantor, Powers
from otae.directory.lookup import PersonRow
from otae.directory.reach import Reach
from otae.enrollment.progress import SessionRow
from otae.store.desk import Desk


@dataclass(frozen=True)
class Visit:
    """A request for a page, with the desk and the one time of this request."""

    request: Request
    desk: Desk
    now: datetime


@dataclass(frozen=True)
class Console(Visit):
    """A signed-in administrator's request; ``powers`` is what the role allows, read for this request."""

    administrator: browsers.AdministratorRow
    powers: Powers

    @property
    def actor(self) -> str:
        """The name under which rooms record what this administrator does."""
        return self.administrator.name

    @property
    def by(self) -> Grantor:
        """This administrator as the one who changes administrators or roles, with the limits of doing so."""
        return Grantor(self.administrator.name, self.powers, self.administrator.id)

    @property
    def reach(self) -> Reach:
        """Whose rows this administrator may see: pass it to every room function that takes one."""
        return self.powers.reach

    def may(self, permission: str) -> bool:
        """Return whether the role has ``permission``."""
        return self.powers.may(permission)


@dataclass(frozen=True)
class Portal(Visit):
    """The request of somebody who has signed in to enroll; the session comes with its person and invitation."""

    session: SessionRow


@dataclass(frozen=True)
class SelfService(Visit):
    """The request of somebody who has signed in to their own page.

    ``fresh``: whether the password was entered a moment ago.
    """

    person: PersonRow
    fresh: bool
