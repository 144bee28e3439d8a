"""Every address stands once, in `otae/paths.py`: pages, templates and messages take it from there."""

import ast
import re

from otae import paths
from otae.web.routes import routes
from tests.house.tree import parsed, sources, texts

PATHS = {name: path for name, path in vars(paths).items() if isinstance(path, paths.UrlPath)}
FIRST = "|".join(sorted({re.escape(path.split("/")[1]) for path in PATHS.values() if path != "/"}))
ADDRESS = re.compile(rf"/(?:{FIRST})(?![\w-])")
#: What is put behind another address.
BELOW = re.compile(r"/[a-z][a-z-]*(?:[/?#]|$)")
TEMPLATES = {name: text for name, text in texts().items() if name.startswith("templates/")}


def test_every_path_is_a_route_and_every_route_a_path() -> None:
    assert sorted(PATHS.values()) == sorted(getattr(route, "path", "") for route in routes())


def test_no_module_writes_an_address_out() -> None:
    for name in set(sources("otae")) - {"otae/paths.py"}:
        for node in ast.walk(parsed(name)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not ADDRESS.match(node.value), f"{name}:{node.lineno} {node.value}"
            if isinstance(node, ast.JoinedStr) and name.startswith("otae/web/"):
                parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
                assert not [part for part in parts if BELOW.match(str(part))], f"{name}:{node.lineno} {parts}"


def test_no_template_and_no_script_writes_an_address_out() -> None:
    scripts = {name: text for name, text in texts().items() if name.startswith("otae/web/static/")}
    for name, text in (TEMPLATES | scripts).items():
        found = re.search(rf"[\"'`=]{ADDRESS.pattern}|\}}\}}/[a-z]", text)
        assert not found, f"{name} {found}"


def test_every_path_a_template_names_exists() -> None:
    for name, text in TEMPLATES.items():
        assert set(re.findall(r"\bpaths\.(\w+)", text)) <= PATHS.keys(), name
