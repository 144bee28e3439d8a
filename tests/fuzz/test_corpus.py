"""Every test run replays the corpus without the fuzzer, bends good messages, and bounds the work that bad ones make."""

import contextlib
import random
import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import pytest

from otae.errors import Refusal
from otae.signing import der
from tests.fuzz import bending, cast, corpus
from tests.fuzz.targets import TARGETS

#: Deterministic changes of each seed: enough to reach every refusal, few enough for every run.
CHANGES = 40
#: Calls of functions and bytes of memory that one byte of input may cost, and what an empty input may.
CALLS, CALLS_AT_LEAST = 40, 20_000
MEMORY, MEMORY_AT_LEAST = 64, 4 * 1024 * 1024


def test_every_target_has_its_corpus() -> None:
    assert tuple(TARGETS) == corpus.NAMES
    assert all(corpus.read(name) for name in TARGETS)
    assert sum(path.stat().st_size for path in corpus.FOLDER.iterdir()) < 500_000


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_a_refusal_comes_out_of_the_corpus(name: str) -> None:
    for data in [*TARGETS[name].seeds(), *corpus.read(name)]:
        TARGETS[name].read(data)


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_a_refusal_comes_out_of_bent_messages(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - the same changes in every run
    for seed in TARGETS[name].seeds():
        for _ in range(CHANGES):
            TARGETS[name].read(bent(seed, chance))


def bent(seed: bytes, chance: random.Random) -> bytes:
    """Change a byte, cut the end off, double a part or take one out."""
    data, at = bytearray(seed), chance.randrange(len(seed))
    size = chance.randrange(1, 40)
    match chance.randrange(4):
        case 0:
            data[at] = chance.randrange(256)
        case 1:
            del data[at:]
        case 2:
            data[at:at] = data[at : at + size]
        case _:
            del data[at : at + size]
    return bytes(data)


@pytest.mark.parametrize("name", [name for name, target in TARGETS.items() if target.of_values])
def test_changes_that_keep_the_shape_are_read_further_than_to_their_first_length(name: str) -> None:
    chance, whole = random.Random(name), 0  # noqa: S311 - the same changes in every run
    for seed in cast.cms_messages()[:1] + TARGETS[name].seeds()[:1]:
        assert bending.joined(bending.split(seed)) == seed
        for _ in range(CHANGES):
            changed = bending.bend(seed, chance, lambda part: part[::-1])
            TARGETS[name].read(changed)
            with contextlib.suppress(Refusal):
                whole += bool(der.to_der(changed))
    assert whole >= CHANGES


XML = b'<?xml version="1.0" encoding="UTF-8"?>\n<plist version="1.0">'
BINARY = b"bplist00" + b"\xaf\x10\xff" + bytes(255) + bytes([8]) + bytes(6) + b"\x01\x01" + b"".join(
    number.to_bytes(8, "big") for number in (1, 0, 8 + 3 + 255)
)  # fmt: skip

HOSTILE: dict[str, Callable[[int], bytes]] = {
    "indefinite lengths inside one another": lambda most: b"\x30\x80" * (most // 2),
    "small values": lambda most: b"\x30\x80" + b"\x05\x00" * ((most - 4) // 2) + b"\x00\x00",
    "strings in tiny pieces": lambda most: b"\x24\x80" + b"\x04\x00" * ((most - 4) // 2) + b"\x00\x00",
    "a length as large as the input": lambda most: b"\x30\x83" + (most - 5).to_bytes(3, "big") + b"\x30" * (most - 5),
    "arrays inside one another": lambda most: XML + b"<array>" * ((most - len(XML)) // 7),
    "many keys": lambda most: XML + b"<dict>" + b"<key>a</key><true/>" * ((most - len(XML) - 6) // 19),
    "one long text": lambda most: XML + b"<dict><key>" + b"a" * (most - len(XML) - 11),
    "an open tag": lambda most: XML + b"<" * (most - len(XML)),
    "a binary list of itself": lambda _most: BINARY,
    "escaped characters": lambda most: b"message=" + b"%41" * ((most - 8) // 3),
    "many parameters": lambda most: b"message=a&" * (most // 10),
    "nothing at all": bytes,
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("name", TARGETS)
def test_work_and_memory_are_bounded_by_the_input(name: str, kind: str) -> None:
    target = TARGETS[name]
    data = HOSTILE[kind](target.most)
    assert len(data) <= target.most
    target.read(b"")  # what is made once, is made now
    assert calls(target.read, data) <= CALLS * len(data) + CALLS_AT_LEAST
    assert memory(target.read, data) <= MEMORY * len(data) + MEMORY_AT_LEAST


def calls(read: Callable[[bytes], None], data: bytes) -> int:
    """Count the calls of functions, ours and built in."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        read(data)
    finally:
        sys.setprofile(before)
    return counted


def memory(read: Callable[[bytes], None], data: bytes) -> int:
    """Measure the most memory that was held at one moment."""
    tracemalloc.start()
    try:
        read(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_what_is_no_refusal_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("otae.signing.der.to_der", lambda _data: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        TARGETS["der"].read(b"")
