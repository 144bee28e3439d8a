"""Rules about rooms that the import contracts cannot see."""

import ast

import pytest

from tests.house.tree import dotted, imported, parsed, sources, texts

#: Where a clock may be read although the door has read it already, and why.
CLOCKS = {
    "otae/rehearsal/mac.py": "a Mac brings its own clock, which is the point of simulating one",
    "otae/overview/doctor.py": "compares this machine's clock with the database's",
    "otae/__main__.py": "an edge",
    "otae/cli/frame.py": "an edge",
    "otae/app.py": "an edge",
}
CLOCK_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
TRANSACTIONS = {"in_transaction", "atomic"}
BROAD = {"", "Exception", "BaseException"}


def modules(*folders: str) -> list[str]:
    return sorted(sources(*folders))


def test_the_package_itself_imports_nothing() -> None:
    assert imported(parsed("otae/__init__.py")) == set()


@pytest.mark.parametrize("name", modules("otae"))
def test_asn1crypto_stays_in_signing(name: str) -> None:
    if not name.startswith("otae/signing/"):
        assert not [module for module in imported(parsed(name)) if module.split(".")[0] == "asn1crypto"]


@pytest.mark.parametrize("name", modules("otae"))
def test_the_orm_s_own_transactions_stay_in_the_database_module(name: str) -> None:
    if name == "otae/store/database.py":
        return
    used = {dotted(node).rpartition(".")[2] for node in ast.walk(parsed(name)) if isinstance(node, ast.Call | ast.Name)}
    used |= {dotted(node.func).rpartition(".")[2] for node in ast.walk(parsed(name)) if isinstance(node, ast.Call)}
    assert not used & TRANSACTIONS, "use otae.store.database.transaction()"


@pytest.mark.parametrize("name", modules("otae"))
def test_no_room_reads_a_clock(name: str) -> None:
    if name in CLOCKS or name.startswith(("otae/web/", "otae/tasks/")):
        return
    calls = [(dotted(node.func), node.lineno) for node in ast.walk(parsed(name)) if isinstance(node, ast.Call)]
    read = [(call, line) for call, line in calls if ".".join(call.split(".")[-2:]) in CLOCK_CALLS]
    assert not read, "the door reads the time from the database and passes it as now="


def test_every_allowed_clock_is_still_needed_or_an_edge() -> None:
    assert all(reason for reason in CLOCKS.values())
    assert all(name.startswith("otae/") for name in CLOCKS)


@pytest.mark.parametrize("name", modules("otae", "migrations"))
def test_nothing_pretends(name: str) -> None:
    names = {dotted(node) for node in ast.walk(parsed(name)) if isinstance(node, ast.Name)}
    assert "NotImplementedError" not in names, "what is not offered raises NotOffered"


def handler_types(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {""}
    listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {dotted(one) for one in listed}


def says_why(name: str, handler: ast.ExceptHandler) -> bool:
    last = max(getattr(node, "end_lineno", None) or handler.lineno for node in handler.body)
    return any("#" in line for line in texts()[name].splitlines()[handler.lineno - 1 : last])


@pytest.mark.parametrize("name", modules("otae", "migrations", "tests"))
def test_no_exception_is_swallowed(name: str) -> None:
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
            broad = bool(handler_types(node) & BROAD)
            # A test that feeds anything at all may expect one named error; code that goes on silently says why.
            explained = name.startswith("tests/") or says_why(name, node)
            assert not silent or (explained and not broad), f"line {node.lineno}"
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "suppress":
            assert not {dotted(argument) for argument in node.args} & BROAD, f"line {node.lineno}"
