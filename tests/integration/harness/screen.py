"""A terminal, as `take5 top` has it."""
import os
import subprocess

from .host import environment
from .waiting import PATIENCE, wait_for


class Screen:
    """A terminal of its own, by tmux."""

    def __init__(self, test, command, width=80, height=24):
        # On a busy machine tmux sometimes gives up on the server that it has just started.
        for attempt in range(5):
            self.socket = os.path.join(test.directory, f"tmux-{id(self)}-{attempt}")
            try:
                self.tmux("new-session", "-d", "-x", str(width), "-y", str(height),
                          f"timeout --foreground 300 {command}; echo ended with $?; sleep 60")
                break
            except subprocess.CalledProcessError as error:
                if attempt == 4:
                    raise AssertionError(f"tmux: {error.stderr}") from error
        self.is_open = True
        test.addCleanup(self.close)

    def close(self):
        if self.is_open:
            self.is_open = False
            self.tmux("kill-server")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-f", "/dev/null", "-S", self.socket, *arguments],
                              capture_output=True, text=True, check=True,
                              env={**environment(), "TERM": "screen", "LC_ALL": "C.UTF-8"},
                              timeout=30 * PATIENCE).stdout

    def lines(self):
        return self.tmux("capture-pane", "-p").split("\n")

    def press(self, key):
        self.tmux("send-keys", key)

    def wait(self, what, probe, timeout_s=60):
        last = [[]]

        def look():
            last[0] = self.lines()
            return probe(last[0])

        wait_for(lambda: f"{what}; the screen is\n" + "\n".join(last[0]), look, timeout_s)
        return last[0]


def strategies(lines):
    """Their names, in the order that `take5 top` shows."""
    start = next((i for i, line in enumerate(lines) if line.startswith("STRATEGY")), len(lines))
    return [line.split()[0] for line in lines[start + 1:]
            if line.strip() and not line.startswith("q quit")]
