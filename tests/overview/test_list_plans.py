"""No list, search or count reads a big table: what the pages ask at a hundred thousand rows is asked again, measured.

PostgreSQL tells how many rows it looked at; SQLite how many steps its machine took. Both are the same on every run.
"""

import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from tortoise.connection import get_connection

from otae.accounts import unlocking
from otae.authority import listing as certificates
from otae.delivery.queue import outbox
from otae.directory import lookup, reach
from otae.directory.files import export
from otae.directory.local import groups
from otae.directory.local.people import list_people, search_people
from otae.directory.lookup import PeopleFilter
from otae.directory.reach import Reach
from otae.invitations import deletion, lifecycle, listing, results
from otae.invitations.listing import Filters
from otae.mdm import devices
from otae.mdm.devices import DeviceFilters
from otae.overview import attention, funnel, recent, retention
from otae.overview import search as find_anything
from otae.store import database
from otae.store.audit_entries import SEARCH_SPAN, AuditFilter, list_entries
from otae.store.desk import Desk
from otae.store.models import Group, GroupInvitation, Membership
from otae.store.paging import Order
from otae.store.rollout import Step
from tests.many_rows import RARE, populate

pytestmark = pytest.mark.anyio

COUNT = 100_000
#: Most rows that one statement may look at, all tables together: a bounded count looks at ten thousand in an index.
ROWS = 20_000
#: Most steps of SQLite's machine: the cheapest walk over COUNT rows takes more, and looking through ten thousand audit
#: entries less.
STEPS = 290_000
#: What reads more, and why it has to; no more than so many times as much.
DEARER = {
    # The modes are few: SQLite, which keeps no numbers of single values, finds those of one status first.
    "counts of a mode": 2,
    # Most have come so far, and SQLite finds those of the step first.
    f"numbers of {Filters(reached=Step.ENROLLED)}": 2,
    # Every day, step and bucket of ninety days has a row here, which is the most that there can be.
    "funnel": 2,
    # Each person and message of the order counts (see `results.progress`).
    "how far an order is": 20,
}
#: Most rows or steps for what strangers may ask, and where nothing is found: one place in an index.
FEW = 1000
DEEP = UUID(f"00000000-0000-4000-8000-{COUNT - 200:012}")

Ask = Callable[[], Awaitable[object]]


async def narrow(desk: Desk) -> Reach:
    """Return the reach of a role that is limited to fifty people."""
    group = await Group.create(name="few")
    ids = [UUID(f"00000000-0000-4000-8000-{number:012}") for number in range(RARE, COUNT + 1, RARE)]
    await Membership.bulk_create([Membership(group_id=group.id, person_id=person_id) for person_id in ids])
    return await reach.reach_of(["local/few"], now=await database.now())


@dataclass(frozen=True)
class Asked:
    """Whom the lists are of: a role of fifty people, one of everybody, and an order that invited everybody."""

    few: Reach
    wide: Reach
    order: GroupInvitation
    group: Group
    desk: Desk
    now: Any  # the database's time


def asks(few: Reach, now: Any) -> dict[str, Ask]:  # noqa: ANN401 - the database's time
    """Return what pages, commands and the clock ask, by what it is."""
    everybody = reach.EVERYBODY

    def invitations(after: UUID | None = None, status: str = "", within: Reach = everybody, **filters: Any) -> Ask:  # noqa: ANN401 - as Narrowed has them
        wanted, last = Filters(**filters), str(after) if after else None
        return lambda: listing.list_invitations(status, last, limit=51, filters=wanted, reach=within)

    def people(after: str = "", within: Reach = everybody, **filters: Any) -> Ask:  # noqa: ANN401 - as PeopleFilter has them
        return lambda: lookup.filter_people(PeopleFilter(**filters), after=after, reach=within)

    stuck = {"stuck_since": now - timedelta(minutes=15)}
    return {
        "dashboard": lambda: attention.dashboard(now=now),
        "dashboard of a limited role": lambda: attention.dashboard(now=now, reach=few),
        "funnel": lambda: funnel.read_funnel(90, now=now),
        "funnel of a limited role": lambda: funnel.read_funnel(90, now=now, reach=few),
        "recent activity": recent.recent,
        "recent activity of a limited role": lambda: recent.recent(reach=few),
        "newest change": recent.newest_change,
        "enrolled Macs": attention.count_enrolled,
        "invitations stopped at a step": invitations(stopped=Step.PROFILE_FETCHED),
        "invitations that reached a step": invitations(reached=Step.OPENED),
        "invitations that reached a step, deep": invitations(DEEP, reached=Step.OPENED),
        "unknown link": lambda: lifecycle.find_by_token(f"ep-{DEEP}"),
        "unknown link, perhaps replaced": lambda: lifecycle.refuse_replaced(f"ep-{DEEP}"),
        "invitations": invitations(),
        "invitations, deep": invitations(DEEP),
        "invitations of a status": invitations(status="pending"),
        "invitations of a status, deep": invitations(DEEP, status="pending"),
        "invitations of a status nobody has": invitations(status="revoked"),
        "invitations of a rare mode": invitations(mode="username_pin"),
        "invitations of a rare ownership": invitations(ownership="employee"),
        "invitations that are stuck": invitations(**stuck),
        "invitations that are stuck, deep": invitations(DEEP, **stuck),
        "invitations, by a name": invitations(search="ŁUKASZ"),
        "invitations, by a serial number": invitations(search="C0299999"),
        "invitations, by what many hold": invitations(search="example"),
        "invitations, by what many hold, deep": invitations(DEEP, search="example"),
        "invitations, by a support code": invitations(search="BCDFGHJK"),
        "invitations, by what nobody holds": invitations(search="nobody at all"),
        "invitations of a limited role": invitations(within=few),
        "invitations of a limited role, by a name": invitations(within=few, search="lukasz"),
        "counts": listing.counts,
        "counts of a mode": lambda: listing.counts(filters=Filters(mode="username_pin")),
        "counts of a search": lambda: listing.counts(filters=Filters(search="lukasz")),
        "people": people(),
        "people, deep": people("person90000"),
        "people of a role": people(role="ADMIN"),
        "people of a domain": people(domain="nowhere"),
        "people, by a name": people(search="lukasz"),
        "people, by what many hold": people("person90000", search="person"),
        "people, by two letters": people(search="on"),
        "people of a limited role": people(within=few),
        "people to choose from": lambda: search_people("ukas"),
        "people, by user name": lambda: list_people(limit=50),
        "people, exported": lambda: export._page("person90000"),  # noqa: SLF001 - a page of the export
        "domains": lookup.domains,
        "members of a group": lambda: groups.members("local", "few", after=("person9", None)),
    }


def asks_of_many(asked: Asked) -> dict[str, Ask]:
    """Return what is asked of a group, a role and an order that hold everybody."""
    wide, now = asked.wide, asked.now

    def people(after: str = "", **filters: Any) -> Ask:  # noqa: ANN401 - as PeopleFilter has them
        return lambda: lookup.filter_people(PeopleFilter(**filters), after=after, reach=wide)

    return {
        "groups with their members": groups.list_groups,
        "a huge group": lambda: groups.find_group("everybody"),
        "members of a huge group": lambda: groups.members("local", "everybody"),
        "members of a huge group, deep": lambda: groups.members("local", "everybody", after=("person9", None)),
        "people of a huge group": lambda: lookup.filter_people(PeopleFilter(group="everybody")),
        "people of a small group": lambda: lookup.filter_people(PeopleFilter(group="few")),
        "people of a wide role": people(),
        "people of a wide role, deep": people("person9"),
        "people of a wide role, by a name": people(search="lukasz"),
        "people of a wide role, by what many hold": people(search="person"),
        "disabled people": lambda: lookup.filter_people(PeopleFilter(disabled=True)),
        "invitations of a wide role": lambda: listing.list_invitations(limit=51, reach=wide),
        "invitations of a huge group": lambda: listing.list_invitations(
            limit=51, filters=Filters(group=asked.group.id)
        ),
        "people of an order": lambda: results.results(asked.order),
        "people of an order whose messages failed": lambda: results.results(asked.order, show="failed"),
        "people of an order with a Mac": lambda: results.results(asked.order, show="redeemed"),
        "how far an order is": lambda: results.progress(asked.order, now=now),
        "audit log": list_entries,
        "audit log, deep": lambda: list_entries(before=COUNT // 2),
        "audit log, by a text": lambda: list_entries(AuditFilter(search="nobody"), since=COUNT + 1000 - SEARCH_SPAN),
        "audit log, of an actor": lambda: list_entries(AuditFilter(actor="nobody")),
        "audit log, of an action": lambda: list_entries(AuditFilter(action="no.such")),
        "audit log, about an object": lambda: list_entries(AuditFilter(objects=("nothing",))),
        "audit log, the parts of an entry": lambda: list_entries(AuditFilter(part_of=COUNT)),
        "who has to wait": lambda: unlocking.locked_among(asked.desk, [], now=now),
    }


def further_asks(few: Reach, now: Any) -> dict[str, Ask]:  # noqa: ANN401 - the database's time
    """Return the same for Macs, certificates and the clock."""

    def macs(after: UUID | None = None, reach: Reach = reach.EVERYBODY, **filters: Any) -> Ask:  # noqa: ANN401 - as DeviceFilters has them
        return lambda: devices.list_devices(DeviceFilters(**filters), after=after, limit=51, reach=reach)

    def issued(**asked: Any) -> Ask:  # noqa: ANN401 - as list_issued has them
        return lambda: certificates.list_issued(now=now, **asked)

    return {
        "devices": macs(),
        "devices, deep": macs(after=DEEP),
        "devices, by a serial number": macs(search="c0299999"),
        "devices, by a name of somebody": macs(search="lukasz"),
        "devices of a limited role": macs(reach=few),
        "certificates": issued(),
        "certificates, deep": issued(after=str(DEEP)),
        "certificates, by a Mac": issued(search="u-99999"),
        "certificates, by a name": issued(search="lukasz"),
        "certificates, by their number": issued(search=f"{4711:020x}"),
        "certificates that were revoked": issued(state="revoked"),
        "certificates that ended": issued(state="ended"),
        "certificates that ended, all": lambda: certificates.list_issued(now=now + timedelta(days=4000), state="ended"),
        "certificates in use": issued(state="issued"),
        "certificates in use, none": lambda: certificates.list_issued(now=now + timedelta(days=4000), state="issued"),
        "messages that wait": lambda: outbox.sweep(now),
        "retention": lambda: retention.forget_old(now=now + timedelta(days=2 * 365)),
    }


def search_asks(few: Reach, wide: Reach) -> dict[str, Ask]:
    """Return what the console's search asks, for each kind of text."""
    texts = (
        "ŁUKASZ",
        "example",
        "person",
        "C0299999",
        "u-99999",
        "on",
        "p9",
        "x",
        "BCDFGHJK",
        "BCDFG",
        "nobody at all",
    )

    def search(text: str, within: Reach) -> Ask:
        return lambda: find_anything.find(text, find_anything.Seeker(lambda _permission: True, within))

    within = {"": reach.EVERYBODY, " of a limited role": few, " of a wide role": wide}
    return {
        f"search{whose} for {text!r}": search(text, each)
        for whose, each in within.items()
        for text in (texts if not whose else texts[:4])
    }


def turned(order: Order) -> Order:
    """Return the opposite of an order."""
    return replace(order, down=not order.down)


def in_every_order() -> dict[str, Ask]:
    """Return what the lists of invitations and Macs ask in every order: their first page, a deep one, and back."""

    def invitations(order: Order, status: str = "", after: str = "", *, back: bool = False) -> Ask:
        return lambda: listing.list_invitations(status, after, limit=51, order=order, back=back)

    def macs(order: Order, after: UUID | None = None, *, back: bool = False) -> Ask:
        return lambda: devices.list_devices(after=after, limit=51, order=order, back=back)

    asked: dict[str, Ask] = {}
    for name, order in listing.ORDERS.items():
        for words, each in ((name, order), (f"{name}, turned", turned(order))):
            asked[f"invitations by {words}"] = invitations(each)
            asked[f"invitations by {words}, deep"] = invitations(each, after=str(DEEP))
            asked[f"invitations by {words}, back"] = invitations(each, after=str(DEEP), back=True)
        for status in ("pending", "redeemed", "revoked"):
            asked[f"invitations by {name}, {status}"] = invitations(order, status)
    for name, order in devices.ORDERS.items():
        for words, each in ((name, order), (f"{name}, turned", turned(order))):
            asked[f"devices by {words}"] = macs(each)
            asked[f"devices by {words}, deep"] = macs(each, DEEP)
            asked[f"devices by {words}, back"] = macs(each, DEEP, back=True)
    return asked


def with_every_filter(now: Any) -> dict[str, Ask]:  # noqa: ANN401 - the database's time
    """Return what the lists of invitations and Macs ask with every filter, and what their choices ask."""
    long_ago, far = now - timedelta(days=60), now + timedelta(days=60)
    asked: dict[str, Ask] = {}
    for filters in (
        Filters(created_by="ada"),
        Filters(created_by="eve"),
        Filters(created_by="nobody"),
        Filters(created_from=long_ago, created_to=long_ago + timedelta(days=1)),
        Filters(created_from=far),
        Filters(ends_from=long_ago, ends_to=long_ago + timedelta(hours=1)),
        Filters(ends_to=now - timedelta(days=4000)),
        Filters(stopped=Step.OPENED),
        Filters(reached=Step.ENROLLED),
        Filters(campaign=DEEP),
    ):
        asked[f"invitations of {filters}"] = partial(listing.list_invitations, limit=51, filters=filters)
        asked[f"numbers of {filters}"] = partial(listing.counts, filters=filters)
        asked[f"number of {filters}"] = partial(listing.count, "", filters, reach.EVERYBODY)
    for wanted in (
        DeviceFilters(status="unenrolled"),
        DeviceFilters(status="enrolled"),
        DeviceFilters(ownership="employee"),
        DeviceFilters(os_version="15.1"),
        DeviceFilters(os_version="nobody's"),
        DeviceFilters(model="nobody's"),
        DeviceFilters(silent_since=long_ago),
        DeviceFilters(silent_since=now - timedelta(days=4000)),
    ):
        order = devices.ORDERS["seen" if wanted.silent_since else "created"]
        asked[f"devices of {wanted}"] = partial(devices.list_devices, wanted, limit=51, order=order)
        asked[f"number of {wanted}"] = partial(devices.count_devices, wanted, reach.EVERYBODY)
    neither = Filters(stopped=Step.OPENED)  # a tenth have stopped there, another tenth are pending
    return asked | {
        "nothing of a status and a step": partial(listing.list_invitations, "pending", limit=51, filters=neither),
        "nothing of a status and a step, number": partial(listing.count, "pending", neither, reach.EVERYBODY),
        "who made invitations": lambda: listing.creators(200),
        "all that match": lambda: listing.ids("pending", Filters(), reach.EVERYBODY, 10_000),
        "versions of macOS": lambda: devices.known_values("os_version", reach.EVERYBODY, 200),
        "models": lambda: devices.known_values("model_name", reach.EVERYBODY, 200),
        "how many people": lambda: lookup.count_people(PeopleFilter()),
        "how many people of a role": lambda: lookup.count_people(PeopleFilter(role="ADMIN")),
        "deleted invitations": lambda: deletion.purge(now=now),
    }


@asynccontextmanager
async def heard(caplog: pytest.LogCaptureFixture) -> AsyncIterator[list[tuple[str, list[object]]]]:
    """Give what was asked in the block, when it is over."""
    found: list[tuple[str, list[object]]] = []
    with caplog.at_level(logging.DEBUG, logger="tortoise.db_client"):
        caplog.clear()
        yield found
    for record in caplog.records:
        if record.name == "tortoise.db_client" and isinstance(record.args, tuple) and len(record.args) == 2:
            text, values = record.args
            if str(text).lstrip().startswith(("SELECT", "WITH")):
                found.append((str(text), list(values) if isinstance(values, list | tuple) else []))


def looked_at(plan: dict[str, Any]) -> int:
    """Return how many rows PostgreSQL looked at for a plan."""
    skipped = sum(plan.get(f"Rows Removed by {why}", 0) for why in ("Filter", "Index Recheck", "Join Filter"))
    own = (plan["Actual Rows"] + skipped) * plan["Actual Loops"] if "Relation Name" in plan else 0
    return int(own) + sum(looked_at(each) for each in plan.get("Plans", []))


async def cost(text: str, values: list[object]) -> int:
    """Return what a statement costs, in rows or steps."""
    connection = get_connection("default")
    if database.dialect() == "postgres":
        rows = await connection.execute_query_dict(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", values)
        told = rows[0]["QUERY PLAN"]
        return looked_at((json.loads(told) if isinstance(told, str) else told)[0]["Plan"])
    steps = [0]

    def count() -> int:
        steps[0] += 1000
        return 0

    driver = connection._connection  # noqa: SLF001 - the driver's own connection
    await driver._execute(driver._conn.set_progress_handler, count, 1000)  # noqa: SLF001 - as above
    await connection.execute_query_dict(text, values)
    await driver._execute(driver._conn.set_progress_handler, None, 0)  # noqa: SLF001 - as above
    return steps[0]


@pytest.mark.slow
async def test_no_list_reads_a_big_table(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    await populate(desk, COUNT)
    few, now = await narrow(desk), await database.now()
    wide, order = await reach.reach_of(["local/everybody"], now=now), await GroupInvitation.get(key="many")
    asked = Asked(few, wide, order, await Group.get(name="everybody"), desk, now)
    most = ROWS if database.dialect() == "postgres" else STEPS
    dear: dict[str, list[tuple[int, str]]] = {}
    of_lists = asks(few, now) | in_every_order() | with_every_filter(now) | search_asks(few, wide)
    for name, ask in (of_lists | further_asks(few, now) | asks_of_many(asked)).items():
        async with heard(caplog) as statements:
            await ask()
        assert statements, name
        costs = [(await cost(*each), each[0]) for each in statements]
        allowed = FEW if name.startswith(("unknown link", "nothing")) else most * DEARER.get(name, 1)
        if over := [(number, text) for number, text in costs if number > allowed]:
            dear[name] = over
    caplog.clear()  # a failure shows what was too dear, and nothing else
    lines = [f"{name}: {number} {text[-300:]}" for name, over in dear.items() for number, text in over]
    assert not dear, "\n".join(lines)
