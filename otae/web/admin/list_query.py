"""The filters, the order and the place of a list, as the address of its page names them."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Self
from uuid import UUID

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from otae import time_zones
from otae.paths import UrlPath
from otae.store.paging import Order
from otae.text import cleaned_line
from otae.web.failures import Failure
from otae.web.pages import is_fragment_request, redirect
from otae.words import gettext as _

#: Longest text of a filter.
LONGEST: Final = 100
#: Longest name of a role, and longest version.
SHORT: Final = 32
#: The form of an id in an address.
ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: The parameters of every list: its order, with "-" in front the opposite one; the row that the page begins after or
#: ends before; and the columns that are shown.
SORT, AFTER, BEFORE, COLUMN = "sort", "after", "before", "column"


#: What a filter takes: one of some values, or what the function does not refuse.
Check = Collection[str] | Callable[[str], bool]


def any_text(text: str) -> bool:
    """Return True: a filter for a text takes any."""
    del text
    return True


def is_short(text: str) -> bool:
    """Return whether ``text``, as it is looked for, is as short as the names of roles and versions are.

    Some characters become three in form NFC.
    """
    return len(cleaned_line(text)) <= SHORT


def is_id(text: str) -> bool:
    """Return whether ``text`` is an id."""
    return bool(ID.fullmatch(text))


def is_day(text: str) -> bool:
    """Return whether ``text`` is a day such as 2026-12-24."""
    try:
        return time_zones.read_day(text) is not None
    except ValueError:
        return False


@dataclass(frozen=True)
class ListQuery:
    """The parameters of a list's address that say something; ``query["name"]`` is "" for those that do not.

    ``names``: all parameters, in the order in which an address has them. ``columns``: names of the columns to show;
    empty for the usual ones.
    """

    path: UrlPath
    orders: Mapping[str, Order]
    usual: str
    names: tuple[str, ...]
    values: Mapping[str, str]
    columns: tuple[str, ...] = ()

    @classmethod
    def read(
        cls,
        params: QueryParams,
        path: UrlPath,
        checks: Mapping[str, Check],
        *,
        orders: Mapping[str, Order] | None = None,
        usual: str = "created",
        columns: Iterable[str] = (),
    ) -> Self:
        """Read the parameters of an address; Failure 400 for an unknown one, or a value that it does not take.

        Args:
            checks: What each filter takes.
            orders: The orders of the list, by name; ``usual``: the one without a parameter.
            columns: The columns that can be chosen.
        """
        sorts = {sign + name for name in orders or {} for sign in ("", "-")}
        known: dict[str, Check] = {SORT: sorts, AFTER: is_id, BEFORE: is_id, COLUMN: set(columns)}
        known = {**checks, **{name: known[name] for name in known if name not in checks}}
        for name, value in params.multi_items():
            check = known.get(name, ())
            if value and not (check(value) if callable(check) else value in check):
                raise Failure(400, _("This list knows no such filter or order."), "filter-unknown")
            if name not in known:
                raise Failure(400, _("This list knows no such filter or order."), "filter-unknown")
        texts = {name: cleaned_line(params.get(name, ""), LONGEST) for name in known if name != COLUMN}
        values = {name: text for name, text in texts.items() if text}
        chosen = dict.fromkeys(each for each in params.getlist(COLUMN) if each)
        return cls(path, orders or {}, usual, tuple(known), values, tuple(chosen))

    def __getitem__(self, name: str) -> str:
        """Return the value of a parameter, "" without one."""
        return self.values.get(name, "")

    def id(self, name: str) -> UUID | None:
        """Return the id in a parameter, None without one."""
        return UUID(self[name]) if self[name] else None

    def day(self, name: str, *, end: bool = False) -> datetime | None:
        """Return when the day in a parameter begins, or with ``end`` when the next one does; None without one."""
        day = time_zones.read_day(self[name])
        return day[end] if day else None

    def redirect_clean(self, request: Request) -> Response | None:
        """Return the redirect to the address without what says nothing, as forms send it; None when there is none."""
        if is_fragment_request(request) or all(value for _name, value in request.query_params.multi_items()):
            return None
        return redirect(self.here)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a part of the page: the address that the browser shows from then on."""
        return {"HX-Push-Url": self.here}

    @property
    def here(self) -> str:
        """The address of this very page."""
        return self.path(**self.values, column=self.columns)

    @property
    def filtered(self) -> bool:
        """Whether anything but the order and the place was asked for."""
        return bool(self.values.keys() - {SORT, AFTER, BEFORE})

    @property
    def order(self) -> Order:
        """The order that was asked for."""
        name = self[SORT].removeprefix("-") or self.usual
        return self.turned(name) if self[SORT].startswith("-") else self.orders[name]

    def turned(self, name: str) -> Order:
        """Return the opposite of an order."""
        order = self.orders[name]
        return replace(order, down=not order.down)

    @property
    def back(self) -> bool:
        """Whether the page ends before a row, instead of beginning after one."""
        return bool(self[BEFORE])

    @property
    def at(self) -> str:
        """The id of the row that the page begins after or ends before, "" for the first page."""
        return self[BEFORE] or self[AFTER]

    def address(self, path: UrlPath | None = None, /, **changes: object) -> str:
        """Return the address of the list with ``changes``, on its first page; or another one with the same filters."""
        values: dict[str, object] = {name: value for name, value in self.values.items() if name not in {AFTER, BEFORE}}
        values |= {COLUMN: self.columns} | changes
        return (path or self.path)(**{name: values[name] for name in self.names if name in values})

    def sorted_by(self, name: str) -> str:
        """Return the address of the list sorted by ``name``, the other way round when it is already."""
        usual = "" if name == self.usual else name
        return self.address(sort=f"-{name}" if self.sort_of(name) and not self[SORT].startswith("-") else usual)

    def sort_of(self, name: str) -> str:
        """Return how the list is sorted by ``name``, in the words of aria-sort; "" when it is not."""
        if name != (self[SORT].removeprefix("-") or self.usual):
            return ""
        return "descending" if self.order.down else "ascending"

    def page_of(
        self, found: list[Any], size: int, cursor: Callable[[Any], object] = attrgetter("id")
    ) -> tuple[list[Any], str, str]:
        """Return the rows to show, and the addresses of the page before and of the next one, "" for none.

        Args:
            found: The rows as they were read, one more than ``size`` when there are more in that direction.
            cursor: What names a row as the place of a page.
        """
        more, shown = len(found) > size, found[-size:] if self.back else found[:size]
        has_before, has_after = (more, True) if self.back else (bool(self.at), more)
        before = self.address(before=cursor(shown[0])) if has_before and shown else ""
        return shown, before, self.address(after=cursor(shown[-1])) if has_after and shown else ""

    def active(self, shown: Mapping[str, str]) -> list[tuple[str, str]]:
        """Return for each filter in ``shown`` that is set its words and the address without it."""
        return [(words, self.address(**{name: ""})) for name, words in shown.items() if self[name]]
