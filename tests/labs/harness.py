"""What the tests of labs share: labs that must leave nothing behind, and a check."""

import contextlib
import os
import re
import tempfile
from pathlib import Path

from segwlab import run

# A daemon that isn't dumpable can't be searched for leaks; unit tests are.
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
              "UBSAN_OPTIONS": "print_stacktrace=1"}
SANITIZER_REPORT = re.compile(r"ERROR: \w+Sanitizer|runtime error:|invariant broken")

programs = None  # these two are set by `run`, before the first test
logs = None


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def own(name):
    """A lab's name that no other run of these tests has: two may go on side by side.
    Base 36, as a name has 16 characters at most."""
    digits, left = "", os.getpid()
    while left:
        left, digit = divmod(left, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return f"{name}_{digits}"


@contextlib.contextmanager
def lab_of(kind, file, name):
    """A lab that must leave nothing behind, and whose programs tell of no fault of their own."""
    with tempfile.TemporaryDirectory() as folder:
        kept = Path(logs or folder) / name
        lab = kind(programs, file, own(name), kept)
        with lab:
            yield lab
        check(not lab.leftovers(), f"left behind: {', '.join(lab.leftovers())}")
        for log in kept.rglob("*"):
            report = log.is_file() and SANITIZER_REPORT.search(log.read_text(errors="replace"))
            check(not report, f"{log.relative_to(kept)} says {report and report[0]}")


def swanctl(lab, node, *words):
    return run(["swanctl", *words, "--uri", f"unix://{lab.folder(node) / 'vici'}"])
