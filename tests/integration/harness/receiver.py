"""An HTTP server that takes what is posted, or fails in every way that servers do."""
import json
import os
import socket
import ssl
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .ports import free_ports
from .waiting import PATIENCE, wait_for


class Request:
    def __init__(self, path, headers, body, fault):
        self.path, self.headers, self.body, self.fault = path, headers, body, fault

    def json(self):
        return json.loads(self.body)


class Receiver:
    """Requests take their fate from `faults`, a list that is used up from its begin; without one
    they are taken with 200. A fault is a status, (status, headers), "hang", "cut" (the answer ends
    in its middle), "reset", or a function of the request that gives one of these or None."""

    def __init__(self, port=None, certificate=None):
        self.port = port or free_ports(1)[0]
        self.certificate = certificate  # (certificate's path, key's path)
        self.lock = threading.Lock()
        self.faults = []
        self.judge = None  # looked at when no fault is left
        self.requests = []
        self.released = threading.Event()  # ends those that hang
        self.server = None

    @property
    def url(self):
        return f"{'https' if self.certificate else 'http'}://127.0.0.1:{self.port}/hook/secret-path"

    def start(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                receiver._serve(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass  # a client that went away, or a handshake that it refused

        self.server = Server(("127.0.0.1", self.port), Handler)
        if self.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def close(self):
        """From here connections are refused."""
        self.released.set()
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def fail(self, *faults):
        with self.lock:
            self.faults.extend(faults)

    def _fate(self, request):
        fault = self.faults.pop(0) if self.faults else self.judge
        return fault(request) if callable(fault) else fault

    def _serve(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        request = Request(handler.path, dict(handler.headers), body, None)
        with self.lock:
            request.fault = self._fate(request)
            self.requests.append(request)
        fault = request.fault
        if fault == "hang":
            self.released.wait(60 * PATIENCE)
            handler.close_connection = True
        elif fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                          struct.pack("ii", 1, 0))
            handler.connection.close()
            handler.close_connection = True
        elif fault == "cut":
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            handler.close_connection = True
        else:
            status, headers = fault if isinstance(fault, tuple) else (fault or 200, {})
            answer = b"" if status < 300 else f"fault {status}".encode()
            handler.send_response(status)
            for name, value in headers.items():
                handler.send_header(name, str(value))
            handler.send_header("Content-Length", str(len(answer)))
            handler.end_headers()
            handler.wfile.write(answer)

    # ---- what came ----

    def seen(self):
        with self.lock:
            return list(self.requests)

    def taken(self):
        """Those that were answered with 200."""
        return [request for request in self.seen() if request.fault is None]

    def wait_taken(self, count, timeout_s=60):
        wait_for(lambda: f"{count} requests; there are {len(self.taken())}, and faults "
                 f"{[r.fault for r in self.seen() if r.fault]}",
                 lambda: len(self.taken()) >= count, timeout_s)
        return self.taken()


def make_certificate(directory, name="receiver"):
    """(certificate, key) for 127.0.0.1, signed by itself."""
    certificate, key = (os.path.join(directory, f"{name}.{end}") for end in ("crt", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key,
                    "-out", certificate], check=True, capture_output=True, timeout=60 * PATIENCE)
    return certificate, key
