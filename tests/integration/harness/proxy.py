"""A TCP proxy that can lose its network, also at a certain request of Kafka's."""
import contextlib
import selectors
import socket
import struct
import threading

END_TXN = 26  # a number of Kafka's requests


class Proxy:
    """Passes 127.0.0.1:`port` on to 127.0.0.1:`target`, in a thread of its own."""

    def __init__(self, port, target):
        self.target = target
        self._lock = threading.Lock()
        self._pairs = set()
        self._unparsed = {}  # {client: what it sent of a request that is not whole}
        self._request = None  # (its number, whether the broker shall get it) to cut at
        self._deaf = None  # the pair whose answer is lost
        self.has_cut = threading.Event()
        self._is_up = True
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

    def cut_at(self, request, does_pass):
        """cut(), at the next request of that number: before the broker has it, or, when it
        `does_pass`, before its answer is passed back. `has_cut` is set then."""
        self.has_cut.clear()
        with self._lock:
            self._request = (request, does_pass)

    def mend(self):
        with self._lock:
            self._is_up = True

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
        self._unparsed[client] = b""
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, source, target):
        try:
            data = source.recv(262144)
            if data and self._is_cut_at(source, target, data):
                return
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        self._drop(next((p for p in self._pairs if source in p), None))

    def _is_cut_at(self, source, target, data):
        if (target, source) == self._deaf:
            self._cut_now()
            return True
        with self._lock:
            wanted = self._request
        if source not in self._unparsed or wanted not in self._requests(source, data, wanted):
            return False
        with self._lock:
            self._request = None
        if wanted[1]:
            self._deaf = (source, target)
            target.sendall(data)
        else:
            self._cut_now()
        return True

    def _requests(self, client, data, wanted):
        """Those that begin in what it sends, each as `wanted` is."""
        does_pass = wanted is not None and wanted[1]
        rest = self._unparsed[client] + data
        found = set()
        while len(rest) >= 6:
            size, number = struct.unpack_from(">ih", rest)
            found.add((number, does_pass))
            if len(rest) < 4 + size:
                break
            rest = rest[4 + size:]
        self._unparsed[client] = rest
        return found

    def _cut_now(self):
        with self._lock:
            self._is_up = False
        self._deaf = None
        self._drop_all()
        self.has_cut.set()

    def _drop(self, pair):
        if pair is None:
            return
        self._pairs.discard(pair)
        self._unparsed.pop(pair[0], None)
        for endpoint in pair:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(endpoint)
            endpoint.close()

    def _drop_all(self):
        for pair in list(self._pairs):
            self._drop(pair)
