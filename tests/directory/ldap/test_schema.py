"""What directory entries say about people."""

import pytest

from otae.directory.ldap.results import Entry
from otae.directory.ldap.schema import Schema

#: A lock that an administrator set, a lock after wrong passwords that ends by itself, and none.
LOCKS = {"000001010000Z": True, "20261130120000Z": False, "": False}


@pytest.mark.parametrize("locked_time", LOCKS)
def test_a_lock_for_a_while_disables_nobody(locked_time: str) -> None:
    values = {"entryuuid": [b"1"], "uid": [b"ben"], "cn": [b"Ben"], "pwdaccountlockedtime": [locked_time.encode()]}
    found = Schema("corp", active_directory=False, search_by="uid").to_people([Entry("uid=ben,dc=corp", values)])
    assert [each.disabled for each in found] == [LOCKS[locked_time]]
