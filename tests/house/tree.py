"""What the house tests look at: the files of the repository and the syntax trees of its modules."""

import ast
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE_FOLDERS = {"__pycache__", "node_modules", "var", "build", "test-results"}


def made(folder: str) -> bool:
    """Say whether a folder of this name is made by tools and never in the repository."""
    hidden = folder.startswith(".") and folder != ".ci"
    return hidden or folder in MADE_FOLDERS or folder.endswith(".egg-info")


@cache
def tracked_files() -> tuple[Path, ...]:
    """Give every file that is, or is about to be, in the repository; without git, every file that is not made."""
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        files = [ROOT / name for name in listed.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        files = [path for path in ROOT.rglob("*") if not any(made(part) for part in path.relative_to(ROOT).parts[:-1])]
    return tuple(sorted(path for path in files if path.is_file()))


def name_of(path: Path) -> str:
    """Give a file's path inside the repository, with forward slashes."""
    return path.relative_to(ROOT).as_posix()


@cache
def texts() -> dict[str, str]:
    """Give the text of every file that is text and written here: neither vendored nor a list of hashes."""
    found: dict[str, str] = {}
    for path in tracked_files():
        name = name_of(path)
        if "/vendor/" in name or (name.startswith("requirements") and name.endswith(".txt")):
            continue
        try:
            found[name] = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture
    return found


def sources(*folders: str) -> dict[str, str]:
    """Give the Python modules below the named top-level folders."""
    return {name: text for name, text in texts().items() if name.endswith(".py") and name.split("/")[0] in folders}


@cache
def parsed(name: str) -> ast.Module:
    """Give the syntax tree of a module."""
    return ast.parse(texts()[name])


def imported(tree: ast.AST) -> set[str]:
    """Give the dotted names of everything a module imports, at any depth."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def dotted(node: ast.AST) -> str:
    """Give ``a.b.c`` for an attribute chain, "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""
