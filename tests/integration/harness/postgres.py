"""A PostgreSQL server of the test's own, on a free loopback port, as a user without rights."""
import contextlib
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

from .ports import free_ports
from .process import Process
from .waiting import PATIENCE, wait_for

USER = "take5"
PASSWORD = "only-for-this-test"


def _program(name):
    found = shutil.which(name) or max(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), default=None)
    if found is None:
        raise AssertionError(f"no {name}: install packaging/dependencies.test")
    return found


class Postgres:
    """`user` may log in with `password` over TCP, over TLS if `needs_tls`; `ask` is the superuser."""

    def __init__(self, needs_tls=False):
        # The server refuses to run as root, and has to reach its folder.
        self.owner = "postgres" if os.geteuid() == 0 else None
        self.directory = tempfile.mkdtemp(prefix="take5-pg-")
        self.data = os.path.join(self.directory, "data")
        self.log = os.path.join(self.directory, "log")
        self.certificate = os.path.join(self.directory, "server.crt")
        self.port, = free_ports(1)
        self.process = None
        self._own(self.directory)
        self._run("initdb", "-D", self.data, "-U", "super", "-A", "trust", "--no-sync",
                  "-E", "UTF8", "--locale=C.UTF-8")
        self._make_certificate()
        self._configure("hostssl" if needs_tls else "host")
        self.start()
        self.ask(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'", database="postgres")
        self.ask(f"CREATE DATABASE market OWNER {USER}", database="postgres")

    def _own(self, path):
        if self.owner is not None:
            account = pwd.getpwnam(self.owner)
            os.chown(path, account.pw_uid, account.pw_gid)

    def _run(self, program, *arguments):
        subprocess.run([_program(program), *arguments], check=True, stdout=subprocess.DEVNULL,
                       user=self.owner, cwd="/", timeout=120 * PATIENCE)

    def _make_certificate(self):
        subprocess.run(
            [_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", os.path.join(self.directory, "server.key"), "-out", self.certificate],
            check=True, capture_output=True, user=self.owner, cwd="/", timeout=60 * PATIENCE)

    def _configure(self, kind):
        key = os.path.join(self.directory, "server.key")
        settings = {"port": self.port, "listen_addresses": "'127.0.0.1'",
                    "unix_socket_directories": f"'{self.directory}'", "ssl": "on",
                    "ssl_cert_file": f"'{self.certificate}'", "ssl_key_file": f"'{key}'",
                    "max_connections": 20, "shared_buffers": "16MB"}
        with open(os.path.join(self.data, "postgresql.auto.conf"), "a", encoding="utf-8") as file:
            file.writelines(f"{name} = {value}\n" for name, value in settings.items())
        with open(os.path.join(self.data, "pg_hba.conf"), "w", encoding="utf-8") as file:
            file.write(f"local all super trust\n{kind} all {USER} 127.0.0.1/32 scram-sha-256\n")

    # ---- life ----

    def start(self):
        def is_serving():
            if not self.process.is_running():  # what is left of a killed one still has its memory
                self.process = self._begin()
            return subprocess.run([_program("pg_isready"), "-q", "-h", self.directory, "-p",
                                   str(self.port)], check=False).returncode == 0

        self.process = self._begin()
        wait_for(lambda: f"PostgreSQL to start; its log ends:\n{self.process.log_tail()}",
                 is_serving, 60)

    def _begin(self):
        return Process([_program("postgres"), "-D", self.data], self.log, user=self.owner,
                       directory="/")

    def stop(self):
        """Without waiting for its clients."""
        self.process.signal(signal.SIGINT)
        self.process.wait(60)

    def kill(self):
        """As a power failure would end it: the server, and then what it had begun, which ends by
        itself."""
        self.process.kill()

    def close(self):
        if self.process is not None:
            self.process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- what it has ----

    def ask(self, sql, database="market"):
        """Rows of texts."""
        done = subprocess.run(
            [_program("psql"), "-X", "-q", "-A", "-t", "-F", "\x1f", "-v", "ON_ERROR_STOP=1",
             "-h", self.directory, "-p", str(self.port), "-U", "super", "-d", database, "-c", sql],
            check=True, capture_output=True, text=True, timeout=120 * PATIENCE)
        return [line.split("\x1f") for line in done.stdout.splitlines()]

    def count(self, table="take5_signals"):
        """0 also while there is no table, or no server."""
        with contextlib.suppress(subprocess.CalledProcessError):
            return int(self.ask(f"SELECT count(*) FROM {table}")[0][0])
        return 0

    def passfile(self, directory):
        path = os.path.join(directory, "passfile")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"*:*:market:{USER}:{PASSWORD}\n")
        os.chmod(path, 0o600)
        return path

    def section(self, directory, **more):
        """A [sink:postgres] that works."""
        return {"host": "127.0.0.1", "port": self.port, "dbname": "market", "user": USER,
                "passfile": self.passfile(directory), "retry_max": "500ms", **more}
