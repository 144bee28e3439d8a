"""An address is built from its path, its values and its query."""

import pytest

from otae import paths


def test_values_stand_in_the_place_of_the_parameters_and_are_encoded() -> None:
    assert paths.GROUP_MEMBER_REMOVE("1", 2) == "/admin/groups/1/members/2/remove"
    assert paths.PROPERTY("a/b ü%s") == "/admin/properties/a%2Fb%20%C3%BC%25s"
    assert paths.CRL("x") == "/crl/x.crl"


def test_the_query_leaves_empty_values_out() -> None:
    assert paths.USERS(q="a&b", group="", after=None) == "/admin/users?q=a%26b"
    assert paths.USERS(q="") == paths.USERS() == paths.USERS == "/admin/users"


@pytest.mark.parametrize("values", [(), ("1", "2")])
def test_as_many_values_as_parameters(values: tuple[str, ...]) -> None:
    with pytest.raises(TypeError):
        paths.USER(*values)
