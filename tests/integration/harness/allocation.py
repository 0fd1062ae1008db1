"""Failing one allocation of a host at a time: what fail_allocation.c shares with a test."""
import contextlib
import mmap
import os
import struct
import subprocess

DEPTH = 6
SITES = 16384
HEADER = struct.Struct("8Q")
SITE = struct.Struct(f"{2 + DEPTH}Q")
SIZE = HEADER.size + SITES * SITE.size
TARGET, NUMBER, FAILED, LOST = (offset * 8 for offset in range(1, 5))


class Ledger:
    """Which allocation fails, and where allocations were made. The process that it is for is the
    first of `command` that is started with `environment()`."""

    def __init__(self, path, library, command):
        self.path, self.library, self.command = path, library, command
        with open(path, "wb") as file:
            file.truncate(SIZE)
        with open(path, "r+b") as file:
            self.memory = mmap.mmap(file.fileno(), SIZE)

    def environment(self, base):
        return {**base, "LD_PRELOAD": self.library, "TAKE5_ALLOCATIONS": self.path,
                "TAKE5_ALLOCATIONS_OF": self.command}

    def _word(self, offset):
        return struct.unpack_from("Q", self.memory, offset)[0]

    def arm(self, site=0, number=0):
        """That allocation of the site fails from now on (0: each); a site of 0: none does."""
        struct.pack_into("Q", self.memory, TARGET, 0)
        for place in range(HEADER.size, SIZE, SITE.size):
            if self._word(place + 8):
                struct.pack_into("Q", self.memory, place + 8, 0)
        struct.pack_into("Q", self.memory, FAILED, 0)
        struct.pack_into("Q", self.memory, NUMBER, number)
        struct.pack_into("Q", self.memory, TARGET, site)

    def disarm(self):
        struct.pack_into("Q", self.memory, TARGET, 0)

    @property
    def failed(self):
        return self._word(FAILED)

    def sites(self):
        """{site: (how many allocations, its stack)} since the start, or arm()."""
        assert self._word(LOST) == 0, "more sites than the ledger holds"
        found = {}
        for place in range(HEADER.size, SIZE, SITE.size):
            site, count, *stack = SITE.unpack_from(self.memory, place)
            if site and count:
                found[site] = count, [frame for frame in stack if frame]
        return found

    def close(self):
        self.memory.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def where(program, stack):
    """The stack in words, for a failure's text."""
    done = subprocess.run(["addr2line", "-e", program, "-f", "-s", *(hex(f - 1) for f in stack)],
                          capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    return " < ".join(f"{name}@{frame:#x}" for name, frame in zip(lines[::2], stack))
