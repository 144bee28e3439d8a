"""What a process keeps in memory is in the resources that the desk hands down; modules hold only what never changes."""

import ast

from tests.house.tree import parsed, sources

#: Calls that make something which changes.
MUTABLE = {
    "Counter", "Event", "Gauge", "Histogram", "Lock", "OrderedDict", "Queue", "RLock", "Resources", "Semaphore",
    "ThreadPoolExecutor", "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "defaultdict", "deque", "dict", "list",
    "local", "set",
}  # fmt: skip
#: Methods that change a dict, list or set.
CHANGING = {
    "add", "append", "clear", "discard", "extend", "insert", "move_to_end", "pop", "popitem", "remove", "setdefault",
    "update",
}  # fmt: skip
#: What a language or a library forces into a module, and why.
FORCED = {
    "otae/accounts/guess_alerts.py:RAISED": "prometheus_client registers a metric once in a process",
    "otae/store/audit.py:_keys": "every change writes to the log, over the ORM's connection of the process, which is "
    "in a module as well; opening the vault sets both",
    "otae/web/middleware.py:REFUSALS": "prometheus_client registers a metric once in a process",
    "otae/web/middleware.py:REQUESTS": "prometheus_client registers a metric once in a process",
    "otae/web/middleware.py:SECONDS": "prometheus_client registers a metric once in a process",
}


def assigned(tree: ast.Module) -> dict[str, ast.expr]:
    """Return what a module's own names are set to."""
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            found |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = node.value
    return found


def changing_classes(tree: ast.Module) -> set[str]:
    """Return the classes of a module whose objects can change: those that set attributes, and open dataclasses."""
    found = set()
    for node in tree.body:
        if not isinstance(node, ast.ClassDef):
            continue
        open_dataclass = any(ast.unparse(each) in {"dataclass", "dataclass()"} for each in node.decorator_list)
        sets = [
            each
            for each in ast.walk(node)
            if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store) and ast.unparse(each.value) == "self"
        ]
        if open_dataclass or sets:
            found.add(node.name)
    return found


def changed(tree: ast.Module) -> set[str]:
    """Return the names that a module's functions declare global, set items of, or call a changing method of."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            found |= set(node.names)
        elif isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            found.add(ast.unparse(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING:
            found.add(ast.unparse(node.func.value))
    return found


def state_of(tree: ast.Module) -> set[str]:
    """Return the names of a module that hold state of the process."""
    mutable, touched = MUTABLE | changing_classes(tree), changed(tree)
    found = {name for name in assigned(tree) if name in touched}
    for name, value in assigned(tree).items():
        if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in mutable:
            found.add(name)
    return found


def test_no_module_holds_state_of_the_process() -> None:
    found = {f"{name}:{each}" for name in sources("otae") for each in state_of(parsed(name))}
    assert found == set(FORCED), "make it a class, and get its object from `desk.resources`"


def test_state_is_found_however_it_is_written() -> None:
    for text in (
        "cache = {}\ndef keep(key):\n    cache[key] = 1",
        "waiting: list[int] = []\ndef wait(one):\n    waiting.append(one)",
        "import threading\n_LOCK = threading.Lock()",
        "last = 0\ndef count():\n    global last\n    last += 1",
        "@dataclass\nclass State:\n    many: int = 0\n\n_STATE: Final = State()",
        "class State:\n    def __init__(self):\n        self.many = 0\n\nSTATE = State()",
    ):
        assert state_of(ast.parse(text)), text
    assert not state_of(ast.parse('NAMES = {"a": 1}\ndef find(name):\n    return NAMES.get(name)'))
