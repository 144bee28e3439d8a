"""A module's tests stand under its name in its room's folder, so that whoever changes the one finds the other."""

from pathlib import PurePosixPath

import pytest

from tests.house.tree import imported, parsed, sources

#: The rooms whose every module has tests of its own name.
ROOMS = ("store",)
#: Modules without a test of their own, and why.
WITHOUT = {
    "otae/store/desk.py": "a value that is handed down; every test of a room is given one",
}


def modules(room: str) -> list[str]:
    """Return a room's modules; tables are tested by the migrations and by what stores rows in them."""
    inside = [name for name in sources("otae") if name.startswith(f"otae/{room}/")]
    return sorted(name for name in inside if not name.endswith("__init__.py") and "/models/" not in name)


def names_of_tests(module: str) -> list[str]:
    """Return where the tests of a module may stand: `mail/mime.py` in `test_mime.py` or `test_mail_mime.py`."""
    path = PurePosixPath(module)
    room, folder = path.parts[1], path.parts[-2]
    names = [f"test_{path.stem}.py", f"test_{folder}_{path.stem}.py"]
    return [f"tests/{room}/{name}" for name in names]


@pytest.mark.parametrize("room", ROOMS)
def test_every_module_has_tests_of_its_name_that_import_it(room: str) -> None:
    tests = sources("tests")
    without = []
    for module in modules(room):
        dotted = module.removesuffix(".py").replace("/", ".")
        found = [name for name in names_of_tests(module) if name in tests and dotted in imported(parsed(name))]
        without += [] if found or module in WITHOUT else [module]
    assert not without, "write tests/ROOM/test_MODULE.py, or move the tests that are there already"


def test_every_exception_is_a_module_that_has_none() -> None:
    there, tests = sources("otae"), sources("tests")
    assert [name for name in WITHOUT if name not in there or set(names_of_tests(name)) & set(tests)] == []
