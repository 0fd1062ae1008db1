"""A scenario: a folder, a broker, hosts; all of it ended afterwards."""
import os
import shutil
import sys
import tempfile
import unittest

from .host import Host
from .kafka import Kafka
from .process import end_everything
from .proxy import Proxy
from .waiting import wait_for


class Scenario(unittest.TestCase):
    """One broker for all tests of a class; a folder and hosts for each test. `WITH_PROXY` gives the
    broker a second way in that can be cut, `USERS` one with users who need rights."""

    WITH_PROXY = False
    USERS = None

    @classmethod
    def setUpClass(cls):
        cls.class_directory = tempfile.mkdtemp(prefix="take5-")
        cls.kafka = Kafka(cls.class_directory, with_proxy=cls.WITH_PROXY, users=cls.USERS)
        cls.proxy = Proxy(cls.kafka.proxy_port, cls.kafka.proxied_port) if cls.WITH_PROXY else None

    @classmethod
    def tearDownClass(cls):
        if cls.proxy is not None:
            cls.proxy.close()
        cls.kafka.close()
        shutil.rmtree(cls.class_directory, ignore_errors=True)

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="take5-")
        self.hosts = []

    def tearDown(self):
        failures = self._outcome.result.failures + self._outcome.result.errors
        has_failed = any(getattr(test, "test_case", test) is self for test, _ in failures)
        last_status = {host: host.last_status() for host in self.hosts} if has_failed else {}
        for host in self.hosts:
            host.close()
        if has_failed:
            for host in (h for h in self.hosts if os.path.exists(h.log)):
                print(f"---- log of {host.directory} ends ----\n{host.log_tail()}\n"
                      f"---- its status ----\n{last_status[host]}", file=sys.stderr)
            if os.environ.get("TAKE5_KEEP"):
                print(f"kept: {self.directory}", file=sys.stderr)
                return
        shutil.rmtree(self.directory, ignore_errors=True)

    def new_host(self, name="host", group=None, servers=None, sections=None):
        host = Host(self.directory, servers or self.kafka.servers, name=name,
                    group=group or self.id().rsplit(".", 1)[-1], sections=sections)
        self.hosts.append(host)
        return host

    def path(self, name):
        return os.path.join(self.directory, name)

    def wait_for(self, what, probe, timeout_s=60, step_s=0.05):
        return wait_for(what, probe, timeout_s, step_s)


def main():
    program = unittest.main(verbosity=2, failfast=False, exit=False)
    left = end_everything()
    for pid, arguments in left.items():
        print(f"left behind, and ended: {pid}: {' '.join(arguments)}", file=sys.stderr)
    sys.exit(0 if program.result.wasSuccessful() and not left else 1)
