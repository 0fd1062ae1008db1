"""A TCP proxy that can lose its network, also at a certain request of Kafka's."""
import contextlib
import selectors
import socket
import struct
import threading

# Numbers of Kafka's requests.
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
        self._request = None  # (its number, whether the broker shall get it) to cut at
        self._deaf = None  # the pair whose answer is lost
        self.has_cut = threading.Event()
        self._is_up = True
        self._requests = {}  # {client: Requests, or "held"}
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
        """Every connection breaks, and new ones break at once, until repair()."""
        with self._lock:
            self._is_up = False
        self._wake_write.send(b"x")

    def cut_at(self, request, does_pass):
        """cut(), at the next request of that number: before the broker has it, or, when it
        `does_pass`, before its answer is passed back. `has_cut` is set then."""
        self.has_cut.clear()
        with self._lock:
            self._request = (request, does_pass)

    def repair(self):
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
            requests = self._requests.get(source)
            begun = requests.feed(data) if isinstance(requests, Requests) else []
            if data and self._is_cut_at(source, target, data, begun):
                return
            if data:
                target.sendall(self._allowed(source, data, begun))
                return
        except OSError:
            pass
        self._drop(next((p for p in self._pairs if source in p), None))

    def _is_cut_at(self, source, target, data, begun):
        if (target, source) == self._deaf:
            self._cut_now()
            return True
        with self._lock:
            wanted = self._request
        if wanted is None or wanted[0] not in {kind for _, kind, _ in begun}:
            return False
        with self._lock:
            self._request = None
        if wanted[1]:
            self._deaf = (source, target)
            target.sendall(data)
        else:
            self._cut_now()
        return True

    def _cut_now(self):
        with self._lock:
            self._is_up = False
        self._deaf = None
        self._drop_all()
        self.has_cut.set()

    def _allowed(self, source, data, begun):
        if self._requests.get(source) == "held":
            return b""
        for at, kind, size in begun:
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
