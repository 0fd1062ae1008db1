"""A TCP proxy that can lose its network."""
import contextlib
import selectors
import socket
import threading


class Proxy:
    """Passes 127.0.0.1:`port` on to 127.0.0.1:`target`, in a thread of its own."""

    def __init__(self, port, target):
        self.target = target
        self._lock = threading.Lock()
        self._pairs = set()
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
        self._selector.register(client, selectors.EVENT_READ, server)
        self._selector.register(server, selectors.EVENT_READ, client)

    def _pass_on(self, source, target):
        try:
            data = source.recv(262144)
            if data:
                target.sendall(data)
                return
        except OSError:
            pass
        self._drop(next((p for p in self._pairs if source in p), None))

    def _drop(self, pair):
        if pair is None:
            return
        self._pairs.discard(pair)
        for endpoint in pair:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(endpoint)
            endpoint.close()

    def _drop_all(self):
        for pair in list(self._pairs):
            self._drop(pair)
