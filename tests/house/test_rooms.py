"""Rules about rooms that the import contracts cannot see."""

import ast
from graphlib import TopologicalSorter

from otae.store.mode_table import MODES
from tests.house.tree import dotted, imported, parsed, sources, texts

#: Where a clock may be read although the endpoint has read it already, and why.
CLOCKS = {
    "otae/rehearsal/mac.py": "a Mac brings its own clock, which is the point of simulating one",
    "otae/overview/doctor.py": "compares this machine's clock with the database's",
    "otae/__main__.py": "an edge",
    "otae/cli/command.py": "an edge",
    "otae/app.py": "an edge",
}
CLOCK_CALLS = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
TRANSACTIONS = {"in_transaction", "atomic"}
BROAD = {"", "Exception", "BaseException"}


def modules(*folders: str) -> list[str]:
    return sorted(sources(*folders))


def test_the_package_itself_imports_nothing() -> None:
    assert imported(parsed("otae/__init__.py")) == set()


def calls_in(name: str) -> list[tuple[str, int]]:
    """Return what a module calls, by its dotted name, and in which line."""
    return [(dotted(node.func), node.lineno) for node in ast.walk(parsed(name)) if isinstance(node, ast.Call)]


def test_the_orm_s_own_transactions_stay_in_the_database_module() -> None:
    found = []
    for name in set(modules("otae")) - {"otae/store/database.py"}:
        used = {dotted(node).rpartition(".")[2] for node in ast.walk(parsed(name)) if isinstance(node, ast.Name)}
        used |= {call.rpartition(".")[2] for call, _ in calls_in(name)}
        found += [name] if used & TRANSACTIONS else []
    assert not found, "use otae.store.database.transaction()"


def test_no_room_reads_a_clock() -> None:
    edges = ("otae/web/", "otae/tasks/")
    rooms = [name for name in modules("otae") if name not in CLOCKS and not name.startswith(edges)]
    read = [
        f"{name}:{line}"
        for name in rooms
        for call, line in calls_in(name)
        if ".".join(call.split(".")[-2:]) in CLOCK_CALLS
    ]
    assert not read, "the endpoint reads the time from the database and passes it as now="


def test_every_allowed_clock_is_still_needed_or_an_edge() -> None:
    assert all(reason for reason in CLOCKS.values())
    assert all(name.startswith("otae/") for name in CLOCKS)


def test_nothing_pretends() -> None:
    found = [
        f"{name}:{node.lineno}"
        for name in modules("otae", "migrations")
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert not found, "what is not offered raises NotOffered"


def handler_types(handler: ast.ExceptHandler) -> set[str]:
    if handler.type is None:
        return {""}
    listed = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return {dotted(one) for one in listed}


def says_why(name: str, handler: ast.ExceptHandler) -> bool:
    last = max(getattr(node, "end_lineno", None) or handler.lineno for node in handler.body)
    return any("#" in line for line in texts()[name].splitlines()[handler.lineno - 1 : last])


def swallowed(name: str) -> list[str]:
    """Return the places where a module lets an exception go without a word."""
    found = []
    for node in ast.walk(parsed(name)):
        if isinstance(node, ast.ExceptHandler):
            silent = all(isinstance(line, ast.Pass | ast.Continue) for line in node.body)
            broad = bool(handler_types(node) & BROAD)
            # A test that feeds anything at all may expect one named error; code that goes on silently says why.
            explained = name.startswith("tests/") or says_why(name, node)
            found += [f"{name}:{node.lineno}"] if silent and (broad or not explained) else []
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] == "suppress":
            found += [f"{name}:{node.lineno}"] if {dotted(argument) for argument in node.args} & BROAD else []
    return found


def test_no_exception_is_swallowed() -> None:
    assert not [place for name in modules("otae", "migrations", "tests") for place in swallowed(name)]


def test_pages_name_rows_by_one_alias_each() -> None:
    aliases: list[str] = []
    for name in modules("otae"):
        for node in parsed(name).body:
            if isinstance(node, ast.ClassDef):
                bases = {dotted(base) for base in node.bases}
                assert not (name.startswith("otae/web/") and "Protocol" in bases), f"{name}: {node.name}"
                assert not node.name.endswith("Row") or name == "otae/store/models/base.py", f"{name}: {node.name}"
            elif isinstance(node, ast.AnnAssign) and dotted(node.annotation) == "TypeAlias":
                aliases += [dotted(node.target)] if dotted(node.target).endswith("Row") else []
    assert "PersonRow" in aliases
    assert len(aliases) == len(set(aliases))


def test_no_module_imports_itself_through_others_not_even_for_the_type_checker() -> None:
    module_of = {name.removesuffix(".py").removesuffix("/__init__").replace("/", "."): name for name in modules("otae")}
    imports = {
        module: {
            f"{node.module}.{each.name}" if f"{node.module}.{each.name}" in module_of else node.module
            for node in ast.walk(parsed(name))
            if isinstance(node, ast.ImportFrom) and node.module in module_of
            for each in node.names
        }
        for module, name in module_of.items()
    }
    assert len(list(TopologicalSorter(imports).static_order())) == len(module_of)


def test_an_enrollment_mode_is_named_by_its_table_alone() -> None:
    named = [
        f"{name}: {node.value}"
        for name in set(modules("otae")) - {"otae/store/mode_table.py"}
        for node in ast.walk(parsed(name))
        if isinstance(node, ast.Constant) and node.value in MODES
    ]
    templates = [
        f"{name}: {mode}"
        for name, text in texts().items()
        for mode in MODES
        if name.startswith("templates/") and mode in text
    ]
    assert not named + templates
