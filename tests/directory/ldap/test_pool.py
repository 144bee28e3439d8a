"""Two servers of one directory: while the first is away the second answers, and afterwards the first is asked again."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from otae.directory import DirectoryGroup, registry
from otae.directory.ldap.directory import LdapDirectory
from otae.errors import DirectoryUnavailable
from otae.store.desk import Desk
from tests.directory.ldap_desk import directory
from tests.servers.ldap_trees import PASSWORD
from tests.servers.ports import wait_until
from tests.servers.slapd import LdapServer, running

pytestmark = pytest.mark.anyio


@dataclass
class Pair:
    """Two servers that hold the same people."""

    primary: LdapServer
    secondary: LdapServer

    def asked(self) -> tuple[int, int]:
        """Give how many searches each was asked for."""
        return self.primary.searches(), self.secondary.searches()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Run the same directory at two addresses of this machine."""
    with ExitStack() as stack:
        primary = stack.enter_context(running(trees={}))
        yield Pair(primary, stack.enter_context(running(trees={}, host="127.0.0.2", port=primary.port)))


@pytest.fixture
async def people(sqlite_desk: Desk, pair: Pair) -> LdapDirectory:
    """Set both up, and use them, so that lines to the first are kept."""
    where = {"primary_host": "127.0.0.1", "secondary_host": "127.0.0.2", "timeout": 1}
    ca_pem = pair.primary.ca_pem + pair.secondary.ca_pem
    people = await directory(sqlite_desk, pair.primary, ca_pem=ca_pem, **where)
    assert all(await asyncio.gather(*(people.find_person("ben") for _ in range(8))))
    assert pair.asked() == (8, 0)
    return people


def time_passes(people: LdapDirectory) -> None:
    """Let the minute be over for which a server that was away is asked last."""
    people.pool.connections._avoided.clear()  # noqa: SLF001 - what a minute would do


@pytest.mark.parametrize("how", ["killed", "paused"])
@pytest.mark.slow
async def test_the_second_answers_while_the_first_is_away_and_the_first_when_it_is_back(
    people: LdapDirectory, pair: Pair, how: str
) -> None:
    if how == "killed":
        pair.primary.kill()
    else:
        pair.primary.tell(signal.SIGSTOP)
    found = await people.find_person("ben")
    assert found is not None
    assert await people.check_password(found, PASSWORD)
    assert not await people.check_password(found, "wrong")
    assert (await people.members(await group(people))).people
    assert len(await asyncio.gather(*(people.find_person("cleo") for _ in range(20)))) == 20
    assert pair.secondary.searches() > 20
    if how == "killed":
        pair.primary.start()
    else:
        answered = pair.primary.searches()
        pair.primary.tell(signal.SIGCONT)
        wait_until(lambda: pair.primary.searches() > answered, "the search that it was asked for while it stood still")
    before = pair.asked()
    assert await people.find_person("ben")
    assert pair.asked()[1] == before[1] + 1, "for a minute the first is left alone"
    time_passes(people)
    before = pair.asked()
    assert await people.find_person("ben")
    assert await people.check_password(found, PASSWORD)
    assert pair.asked() == (before[0] + 1, before[1]), "a line to the second that is kept does not hold it there"


async def test_without_either_it_is_not_available_and_with_the_second_alone_it_is(
    people: LdapDirectory, pair: Pair
) -> None:
    pair.primary.kill()
    assert await people.find_person("ben")
    pair.secondary.kill()
    with pytest.raises(DirectoryUnavailable):
        await people.find_person("ben")
    pair.secondary.start()
    assert await people.find_person("ben")


@pytest.mark.slow
async def test_both_silent_end_in_time(sqlite_desk: Desk, people: LdapDirectory, pair: Pair) -> None:
    pair.primary.tell(signal.SIGSTOP)
    assert await people.find_person("ben")
    time_passes(people)
    pair.secondary.tell(signal.SIGSTOP)
    ended = await asyncio.gather(*(people.find_person("ben") for _ in range(4)), return_exceptions=True)
    assert {type(each) for each in ended} == {DirectoryUnavailable}
    assert await registry.search_people(sqlite_desk, "ben") == [], "everybody else's people are shown meanwhile"


async def group(people: LdapDirectory) -> DirectoryGroup:
    found = await people.find_group("round")
    assert found is not None
    return found
