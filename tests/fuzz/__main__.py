"""`make fuzz`: each target for a while, in a process of its own, guided by the coverage of the product's own code.

    python -m tests.fuzz                       60 seconds a target
    python -m tests.fuzz --runs 1000000        so many executions a target
    python -m tests.fuzz --target der --keep   one target; what reached new code joins tests/fuzz/corpus

Needs atheris, which the test extra installs. A finding ends the run with status 1 and leaves its input beside.
"""

import argparse
import importlib
import random
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz import bending, corpus

SECONDS = 60
#: A single input that takes more seconds of the processor than this, or more memory, is a finding by itself.
SLOWEST, LARGEST_MIB = 10, 1024
#: And one that takes longer than this by the clock: much longer, for the machine may be busy with something else.
LONGEST_WAIT = 600
#: Inputs are no longer than this, in bytes: longer ones reach nothing else, and take their time.
LONGEST = 4096
#: Share of the changes to DER that know nothing of its shape.
BLIND = 0.5


def main() -> int:
    """Run what the command line asks for; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz what reads a stranger's bytes.")
    parser.add_argument("--target", action="append", choices=corpus.NAMES, help="this one alone; may be repeated")
    parser.add_argument("--runs", type=int, default=0, help="executions a target, instead of seconds")
    parser.add_argument("--seconds", type=int, default=0, help=f"seconds a target ({SECONDS}; with --runs no limit)")
    parser.add_argument("--keep", action="store_true", help="add the smallest inputs that reach new code to the corpus")
    parser.add_argument("--inside", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.inside:
        fuzz(wanted.inside[0], wanted.inside[1:])
    seconds = wanted.seconds or (0 if wanted.runs else SECONDS)
    results = [run(name, wanted.runs, seconds, keep=wanted.keep) for name in wanted.target or corpus.NAMES]
    return max(results)


def run(name: str, runs: int, seconds: int, *, keep: bool) -> int:
    """Fuzz one target in a process of its own and print one line about it."""
    with tempfile.TemporaryDirectory() as folder:
        found, first = Path(folder, "found"), Path(folder, "first")
        found.mkdir()
        first.mkdir()
        for number, data in enumerate(corpus.read(name)):
            Path(first, f"{number:04}").write_bytes(data)
        limits = [f"-runs={runs or -1}", f"-max_total_time={seconds}", f"-timeout={LONGEST_WAIT}"]
        options = [*limits, f"-rss_limit_mb={LARGEST_MIB}", f"-artifact_prefix={name}-", "-print_final_stats=1"]
        command = [sys.executable, "-m", "tests.fuzz", "--inside", name, *options, str(found), str(first)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        executions = re.search(r"number_of_executed_units:\s*(\d+)", done.stderr)
        result = "nothing found" if done.returncode == 0 else "FOUND SOMETHING"
        print(f"{name:12}{int(executions[1]) if executions else 0:>12} executions  {result}", flush=True)  # noqa: T201 - the result
        if done.returncode:
            print(done.stderr[-4000:], file=sys.stderr)  # noqa: T201 - for who runs it
        elif keep:
            corpus.add(name, [path.read_bytes() for path in found.iterdir()])
    return min(done.returncode, 1)


def fuzz(name: str, options: list[str]) -> None:
    """Hand this process over to libFuzzer, which ends it."""
    atheris = importlib.import_module("atheris")  # only fuzzing needs it
    with atheris.instrument_imports(
        include=[
            "otae.signing",
            "otae.apple",
            "otae.errors",
            "plistlib",
            "otae.directory.files.formats",
            "otae.directory.files.spreadsheets",
            "otae.delivery.mail.bounces",
            "otae.delivery.mail.lmtp",
            "email",
        ]
    ):
        from tests.fuzz.targets import TARGETS  # noqa: PLC0415 - imported where it is instrumented

    target = TARGETS[name]
    first = Path(options[-1])
    for number, data in enumerate(target.seeds()):
        Path(first, f"seed-{number:04}").write_bytes(data)

    def change(data: bytes, most: int, seed: int) -> bytes:
        """Change every other input blindly, the others value by value."""
        chance = random.Random(seed)  # noqa: S311 - libFuzzer's own seed: the same changes in a run that is repeated
        if chance.random() < BLIND:
            changed: bytes = atheris.Mutate(data, most)
            return changed
        return bending.bend(data, chance, lambda part: atheris.Mutate(part, len(part) + 16))[:most]

    def read(data: bytes) -> None:
        """Feed the reader, and see that it does not take long."""
        begin = time.process_time()
        target.read(data)
        if time.process_time() - begin > SLOWEST:
            raise TimeoutError(f"{len(data)} bytes took more than {SLOWEST} seconds")

    more = {"custom_mutator": change} if target.of_values else {}
    atheris.Setup([sys.argv[0], f"-max_len={min(target.most, LONGEST)}", *options], read, **more)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
