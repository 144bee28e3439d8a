"""A module's tests stand under its name in its room's folder, so that whoever changes the one finds the other."""

from pathlib import PurePosixPath

import pytest

from tests.house.tree import sources

#: The rooms whose every module has tests of its own name.
ROOMS = ("delivery", "invitations", "store")
#: Modules without a test of their own, and why.
WITHOUT = {
    "otae/delivery/texts/default_texts.py": "texts, which the tests of those who fill them read",
    "otae/delivery/texts/kinds.py": "the names of the messages",
    "otae/invitations/orders.py": "the values that `lifecycle` is given and gives back",
    "otae/store/desk.py": "a value that is handed down; every test of a room is given one",
}
#: Folders whose modules are alike, and tested together.
FAMILIES = {
    "otae/delivery/sms/gateways": "test_gateways.py",
}


def modules(room: str) -> list[PurePosixPath]:
    """Return a room's modules; tables are tested by the migrations and by what stores rows in them."""
    inside = [PurePosixPath(name) for name in sources("otae") if name.startswith(f"otae/{room}/")]
    return [path for path in inside if path.stem != "__init__" and "models" not in path.parts]


def names_of_tests(path: PurePosixPath) -> set[str]:
    """Return where the tests of a module may stand: `mail/mime.py` in `test_mime.py` or `test_mail_mime.py`."""
    if alike := FAMILIES.get(str(path.parent)):
        return {alike}
    alone = [each.stem for each in modules(path.parts[1])].count(path.stem) == 1
    nested = len(path.parts) > 3
    names = {f"test_{path.parent.name}_{path.stem}.py"} if nested else {f"test_{path.stem}.py"}
    return names | ({f"test_{path.stem}.py"} if alone else set())


def has_tests(path: PurePosixPath) -> bool:
    return any(f"tests/{path.parts[1]}/{name}" in sources("tests") for name in names_of_tests(path))


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_tests_of_its_name(room: str) -> None:
    without = [str(path) for path in modules(room) if str(path) not in WITHOUT and not has_tests(path)]
    assert not without, "write tests/ROOM/test_MODULE.py, or move the tests that are there already"


def test_no_exception_has_tests_after_all() -> None:
    assert [name for name in WITHOUT if has_tests(PurePosixPath(name))] == []
