"""A TCP proxy that can lose its network."""
import contextlib
import selectors
import socket
import struct
import threading


PRODUCE, END_TRANSACTION = 0, 26


class Requests:
    """The kinds and sizes of the requests in a client's bytes."""

    def __init__(self):
        self._head = b""
        self._left = 0

    def feed(self, data):
        """[(where it begins in `data`, kind, size)] of those whose head is whole now."""
        found, at = [], 0
        while at < len(data):
            if self._left > 0:
                passed = min(self._left, len(data) - at)
                self._left -= passed
                at += passed
                continue
            taken = data[at:at + 6 - len(self._head)]
            begin = at - len(self._head)
            self._head += taken
            at += len(taken)
            if len(self._head) == 6:
                size, kind = struct.unpack(">ih", self._head)
                found.append((max(begin, 0), kind, size))
                self._left = size - 2
                self._head = b""
        return found


class Proxy:
    """Passes 127.0.0.1:`port` on to 127.0.0.1:`target`, in a thread of its own."""

    def __init__(self, port, target):
        self.target = target
        self._lock = threading.Lock()
        self._pairs = set()
        self._is_up = True
        self._requests = {}
        self._hold_size = None
        self._largest = 0
        self.has_held = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket()
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind(("127.0.0.1", port))
        self._listener.listen(64)
        self._wake_read, self._wake_write = socket.socketpair()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._selector.register(self._wake_read, selectors.EVENT_READ, None)
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        """Every connection breaks, and new ones break at once, until mend()."""
        with self._lock:
            self._is_up = False
        self._wake_write.send(b"x")

    def mend(self):
        with self._lock:
            self._is_up = True

    def hold_commit(self, size):
        """The first end of a transaction that comes behind a produce request of so many bytes does
        not arrive, nor does anything after it on that connection: `has_held` is set then."""
        with self._lock:
            self._largest = 0
            self._hold_size = size

    def close(self):
        self._is_closing = True
        self._wake_write.send(b"x")
        self._thread.join()
        for endpoint in (self._listener, self._wake_read, self._wake_write):
            endpoint.close()

    # ---- the thread ----

    def _run(self):
        while not self._is_closing:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._wake_read:
                    self._wake_read.recv(16)
                    with self._lock:
                        is_up = self._is_up
                    if not is_up:
                        self._drop_all()
                elif key.data is not None:
                    self._pass_on(key.fileobj, key.data)
        self._drop_all()

    def _accept(self):
        client, _ = self._listener.accept()
        with self._lock:
            is_up = self._is_up
        if not is_up:
            client.close()
            return
        try:
            server = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            server.settimeout(None)
        except OSError:
            client.close()
            return
        self._pairs.add((client, server))
        self._requests[client] = Requests()
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, source, target):
        try:
            data = source.recv(262144)
            if data:
                target.sendall(self._allowed(source, data))
                return
        except OSError:
            pass
        self._drop(next((p for p in self._pairs if source in p), None))

    def _allowed(self, source, data):
        requests = self._requests.get(source)
        if requests is None:
            return data
        if requests == "held":
            return b""
        for at, kind, size in requests.feed(data):
            with self._lock:
                if kind == PRODUCE:
                    self._largest = max(self._largest, size)
                is_held = (kind == END_TRANSACTION and self._hold_size is not None
                           and self._largest >= self._hold_size)
                if kind == END_TRANSACTION:
                    self._largest = 0
            if is_held:
                self._requests[source] = "held"
                self.has_held.set()
                return data[:at]
        return data

    def _drop(self, pair):
        if pair is None:
            return
        self._pairs.discard(pair)
        self._requests.pop(pair[0], None)
        for endpoint in pair:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(endpoint)
            endpoint.close()

    def _drop_all(self):
        for pair in list(self._pairs):
            self._drop(pair)
