"""The stored corpus: inputs that reached code the seeds did not, a line of hexadecimal digits each."""

from pathlib import Path

FOLDER = Path(__file__).with_name("corpus")
NAMES = (
    "der", "cms", "scep", "believed", "envelope", "csr", "plist", "checkin", "answer", "attributes", "query", "people",
    "bounces", "lmtp", "forwarded",
)  # fmt: skip
#: The corpus is a memory, not an archive: short inputs, and few of them.
LONGEST, MOST = 2048, 30


def read(name: str) -> list[bytes]:
    """Return the stored inputs of a target."""
    path = FOLDER / f"{name}.hex"
    return [bytes.fromhex(line) for line in path.read_text().split()] if path.exists() else []


def add(name: str, found: list[bytes]) -> None:
    """Add the shortest of what was ``found`` while there is room."""
    kept = read(name)
    fresh = sorted({data for data in found if len(data) <= LONGEST} - set(kept), key=lambda data: (len(data), data))
    kept += fresh[: max(MOST - len(kept), 0)]
    (FOLDER / f"{name}.hex").write_text("".join(f"{data.hex()}\n" for data in kept if data))
