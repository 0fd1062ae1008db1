"""Waiting for something, with a deadline."""
import fcntl
import os
import struct
import termios
import time

# Sanitizers and a loaded machine are slow; a deadline is there to end a hang, not to measure.
PATIENCE = float(os.environ.get("TAKE5_PATIENCE", "1")) * (
    1 if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else 4)


class Timeout(AssertionError):
    """What was waited for did not come."""


def wait_for(what, probe, timeout_s=60, step_s=0.05):
    """Calls `probe` until it gives something true, and gives that."""
    deadline = time.monotonic() + timeout_s * PATIENCE
    while True:
        answer = probe()
        if answer:
            return answer
        if time.monotonic() > deadline:
            detail = what() if callable(what) else what
            raise Timeout(f"waited {timeout_s * PATIENCE:.0f} s for {detail}")
        time.sleep(step_s)


# Of a pipe that holds one piece, as `pipesize` of subprocess.Popen.
SMALLEST_PIPE = 4096


def is_full(pipe):
    """Whether nothing more goes into one of the smallest pipes until somebody reads."""
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0] > 0
