"""Write the compressed copies of the static files into otae/web/compressed: ``make compress``.

Run it after a change of a style sheet, a script or a picture. Copies of files that are gone or changed are removed.
"""

import gzip
from importlib import import_module
from pathlib import Path

from otae.web import static_files

#: What gets smaller; LICENSE files are not loaded by pages.
ENDINGS = {".css", ".js", ".svg"}


def sources() -> list[str]:
    """Return the names of the files that have copies."""
    found = static_files.FOLDER.rglob("*")
    return sorted(path.relative_to(static_files.FOLDER).as_posix() for path in found if path.suffix in ENDINGS)


def wanted() -> dict[Path, tuple[str, str]]:
    """Return each copy's path with the name of its source and the content coding."""
    return {
        static_files.copy_path(name, coding): (name, coding) for name in sources() for coding in static_files.CODINGS
    }


def present() -> set[Path]:
    """Return the copies that there are."""
    return {path for path in static_files.COMPRESSED_FOLDER.rglob("*") if path.is_file()}


def main() -> None:
    """Write what is missing, remove what is left over."""
    brotli = import_module("brotli")  # ships no types
    for path in present() - wanted().keys():
        path.unlink()
    for path, (name, coding) in wanted().items():
        if not path.is_file():
            content = (static_files.FOLDER / name).read_bytes()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(brotli.compress(content) if coding == "br" else gzip.compress(content, 9, mtime=0))


if __name__ == "__main__":
    main()
