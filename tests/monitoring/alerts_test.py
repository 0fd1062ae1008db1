#!/usr/bin/python3
"""Prometheus and the packaged alert rules, over real hosts: one is healthy all the time and gives no
alert, others are hurt, and each alert comes from what it is for, once."""
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["TAKE5_SOURCE_DIR"], "tests/integration"))

from alertmanager import Prometheus
from harness import paths
from harness.kafka import ROLES
from harness.ports import free_ports
from harness.scenario import Scenario
from harness.waiting import wait_for

MESSAGE = '{"symbol":"X","price":1}'


class Alerts(Scenario):
    def setUp(self):
        super().setUp()
        self.ports = dict(zip(("healthy", "faulty", "stuck"), free_ports(3)))
        self.prometheus = Prometheus(self.directory, self.ports)
        self.producers = []

    def tearDown(self):
        for producer in self.producers:
            producer.stop()
        self.prometheus.close()
        super().tearDown()

    def host(self, name, **sections):
        """A host with topics of its own."""
        self.kafka.create(*(f"{name}_{role}:1" for role in ROLES))
        roles = {f"topic:{role}": {"topic": f"{name}_{role}"} for role in ROLES}
        host = self.new_host(name, group=name, sections={
            **roles, "http": {"enabled": "yes", "port": self.ports[name]},
            "checkpoint": {"interval": "1s"}, **sections})
        host.drop("good_v1")
        host.deploy("good", every=1)
        return host

    def feed(self, name, rate):
        topics = ",".join(f"{name}_{role}" for role in ROLES)
        self.producers.append(self.kafka.start_produce(10_000_000, topics=topics, partitions=1,
                                                       rate=rate))

    def send(self, text):
        """To the host that is faulty."""
        self.kafka.send("faulty_bar_trends", text, key="X")

    def restarted(self, host, started):
        """Another process, which was scraped; when that was started."""
        host.kill()
        host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_FULL=self.path("full"))
        self.prometheus.wait("process_start_time_seconds", "faulty", lambda value: value != started)
        return self.prometheus.ask("process_start_time_seconds")["faulty"]

    def hurt(self, host):
        """One fault after the other, each an alert's."""
        wait = self.prometheus.wait_alert
        for _ in range(5):
            self.send(MESSAGE)
        self.send("no message at all")
        wait("Take5StrategySuspended", "faulty")
        wait("Take5DeadLetters", "faulty")
        wait("Take5DeadLettersWaiting", "faulty")
        self.assertEqual(host.ctl("suspend", "good")[0], 0)
        wait("Take5StrategySuspendedForLong", "faulty")
        host.deploy("broken", plugin="good", nonsense=1)
        host.ctl("reload")
        wait("Take5ReloadFailed", "faulty")
        host.withdraw("broken")
        self.assertEqual(host.ctl("resume", "good")[0], 0)
        os.unlink(host.signals)
        os.symlink("/dev/full", host.signals)
        self.assertEqual(host.ctl("reopen")[0], 0)
        self.send(MESSAGE)
        wait("Take5SinkFailing", "faulty")
        with open(self.path("full"), "w", encoding="utf-8"):
            pass
        self.send(MESSAGE)
        wait("Take5CheckpointOld", "faulty")
        os.unlink(self.path("full"))
        os.unlink(host.signals)

    def crash(self, host):
        """Its code ends the process; then it is restarted again and again."""
        started = self.prometheus.ask("process_start_time_seconds")["faulty"]
        host.drop("crash_message")
        host.deploy("crash_message", symbol="DIE")
        self.assertEqual(host.ctl("reload")[0], 0)
        self.send(MESSAGE.replace("X", "DIE"))
        wait_for("the crash", lambda: not host.process.is_running(), 60)
        started = self.restarted(host, started)
        self.prometheus.wait_alert("Take5StrategyQuarantined", "faulty")
        for _ in range(3):
            started = self.restarted(host, started)
        self.prometheus.wait_alert("Take5RestartLoop", "faulty")

    def stick(self):
        """A callback that does not return, while messages come; and one that is too slow."""
        stuck = self.host("stuck", take5={"on_stuck": "report", "stuck_ms": 1000})
        stuck.drop("hang_message")
        stuck.deploy("hang_message", offset=1000)
        stuck.start()
        self.feed("stuck", 400)
        return stuck

    def test_each_alert_fires_on_its_fault_and_none_on_a_healthy_host(self):
        healthy = self.host("healthy").start()
        self.feed("healthy", 50)
        faulty = self.host("faulty", take5={"error_run": 1, "suspend": "1h", "suspend_max": "1h"})
        faulty.drop("error_message")
        faulty.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_FULL=self.path("full"))
        self.stick()
        for name in ("healthy", "faulty", "stuck"):
            self.prometheus.wait("take5_assigned", name)
        self.prometheus.wait("take5_messages_total", "healthy")
        self.hurt(faulty)
        self.crash(faulty)
        for name in ("Take5Stuck", "Take5NotReady", "Take5LagGrowing"):
            self.prometheus.wait_alert(name, "stuck")

        # All that time it worked.
        self.assertEqual(self.prometheus.alerts.of("healthy"), {})
        self.prometheus.wait("rate(take5_messages_total[10s])", "healthy")
        healthy.process.signal(signal.SIGKILL)
        self.prometheus.wait_alert("Take5Down", "healthy")
        self.assertEqual(self.prometheus.alerts.of("healthy"), {"Take5Down": [1]})

        seen = self.prometheus.alerts.of("faulty")
        for name in ("Take5DeadLetters", "Take5DeadLettersWaiting", "Take5StrategySuspendedForLong",
                     "Take5ReloadFailed", "Take5SinkFailing", "Take5CheckpointOld",
                     "Take5StrategyQuarantined", "Take5RestartLoop"):
            self.assertEqual(seen[name], [1], f"{name} of {seen}")
        for name in ("Take5Stuck", "Take5NotReady", "Take5LagGrowing"):
            self.assertEqual(set(self.prometheus.alerts.of("stuck")[name]), {1}, name)


if __name__ == "__main__":
    unittest.main(verbosity=2)
