"""What a script prints and logs: lines of the host's log."""
import codecs
import functools
import io
import os
import threading

import _take5

DEBUG, INFO, WARNING, ERROR = 1, 2, 3, 4
STDERR = 2
# Of a line that a script prints; a longer one is several.
LINE_MOST = 8192


def printable(text):
    """As UTF-8 can have it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


class LogStream(io.TextIOBase):
    """Each line becomes one of the log's.

    What is written amid a write of the same thread's, by a __del__ that the garbage collection
    comes to, makes lines of its own behind that write."""

    encoding = "utf-8"
    errors = "backslashreplace"
    line_buffering = True
    mode = "w"

    is_quiet = staticmethod(lambda: False)  # what is printed is nothing for the log now
    is_copy = False  # this process is a fork(): the host's log is not in it

    def __init__(self, name, level):
        super().__init__()
        self.name, self._level = name, level
        self.buffer = LogBytes(self)
        self.begin()

    def begin(self):
        """Anew: nothing of it can be trusted in a copy of the process."""
        lock = threading.RLock()
        self._enter, self._leave = lock.acquire, lock.release  # to call them allocates nothing
        self._is_busy = False
        self._amid = []
        self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        """For children, and for what writes without Python."""
        return STDERR

    def reconfigure(self, **_):
        """It stays UTF-8, line by line."""

    def close(self):
        """It stays open: it is the process's."""

    def detach(self):
        return self.buffer

    def flush(self):
        if self.is_copy:
            self.finish()  # nobody else does it when this process ends

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() needs text, not {type(text).__name__}")
        self.take(text)
        return len(text)

    def take(self, piece):
        """Text or bytes. No garbage is collected before it is busy, since nothing is allocated."""
        self._enter()
        try:
            if self._is_busy:
                self._amid.append(piece)
                return
            self._is_busy = True
            try:
                lines = self._split(piece)
                while self._amid:
                    amid, self._amid = self._amid, []
                    lines += "".join(map(self._text, amid)).removesuffix("\n").split("\n")
            finally:
                self._is_busy = False
        finally:
            self._leave()
        self.log(self._level, lines)

    def _text(self, piece):
        return self._decoder.decode(piece) if isinstance(piece, bytes) else piece

    def _split(self, piece):
        *lines, self._rest = "".join((self._rest, self._text(piece))).split("\n")
        while len(self._rest) > LINE_MOST:
            lines.append(self._rest[:LINE_MOST])
            self._rest = self._rest[LINE_MOST:]
        return lines

    def finish(self):
        self.take("")
        self._enter()
        try:
            line = self._rest + self._decoder.decode(b"", final=True)
            self._rest = ""
        finally:
            self._leave()
        if line:
            self.log(self._level, [line])

    def log(self, level, lines):
        is_quiet = self.is_quiet()
        for line in lines:
            line = printable(line)
            is_logged = not self.is_copy and _take5.log(DEBUG if is_quiet else level, line)
            if not is_logged and not is_quiet:
                _write_stderr(line)


def _write_stderr(line):
    try:
        os.write(STDERR, line.encode() + b"\n")
    except OSError:  # nobody reads it
        pass


class LogBytes(io.BufferedIOBase):
    """The same, of bytes: `sys.stdout.buffer`."""

    def __init__(self, stream):
        super().__init__()
        self._stream = stream

    def writable(self):
        return True

    def isatty(self):
        return False

    def fileno(self):
        return STDERR

    def close(self):
        """As the stream's."""

    def write(self, data):
        data = memoryview(data).tobytes()
        self._stream.take(data)
        return len(data)


STDOUT_STREAM = LogStream("<stdout>", INFO)
STDERR_STREAM = LogStream("<stderr>", WARNING)
STREAMS = STDOUT_STREAM, STDERR_STREAM


def _begin_copy():
    LogStream.is_copy = True
    for stream in STREAMS:
        stream.begin()


os.register_at_fork(after_in_child=_begin_copy)


# ---- logging ----

def _level_of(number):
    """Of the log, by the number of `logging`."""
    return DEBUG + (number >= 20) + (number >= 30) + (number >= 40)


def patch_logging(logging):
    """A record for one of the streams has the record's level, and not the stream's."""
    emit = logging.StreamHandler.emit

    @functools.wraps(emit)
    def emit_with_level(self, record):
        if not isinstance(self.stream, LogStream) or self.terminator != "\n":
            emit(self, record)
            return
        try:
            self.stream.log(_level_of(record.levelno), self.format(record).split("\n"))
        except RecursionError:
            raise
        except Exception:  # as the original does
            self.handleError(record)

    logging.StreamHandler.emit = emit_with_level
