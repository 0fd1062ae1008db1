#!/usr/bin/python3
"""How the host ends."""
import signal

from harness import records
from harness.scenario import Scenario, main


class Stopping(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(2)
        cls.tally = cls.kafka.produce(20_000, partitions=2)

    def test_sigterm_and_sigint_finish_what_is_in_hand(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                seen = self.path(f"seen-{number}")
                host = self.new_host(f"host-{number}", group=f"stop-{number}")
                host.drop("recorder")
                host.deploy("recorder", file=seen)
                host.start()
                self.wait_for("lines", lambda: records.count_lines(seen) > 100)
                host.stop(number)
                # What was committed is what was seen: neither more nor less.
                lines = records.read(seen)
                committed = self.kafka.committed(host.group, self.tally["partitions"])
                for (topic, partition), offsets in records.offsets(lines).items():
                    self.assertEqual(committed[topic][str(partition)], offsets[-1] + 1)

    def test_a_stop_leaves_the_group(self):
        """The next host does not have to wait for a session to end."""
        for turn in (1, 2):
            host = self.new_host(f"host-{turn}", sections={
                "kafka": {"session.timeout.ms": 45000, "heartbeat.interval.ms": 3000}})
            host.drop("recorder")
            host.deploy("recorder", file=self.path(f"seen-{turn}"))
            host.start()
            # Well under the session's 45 s, which a member that did not leave would cost.
            host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6, 30)
            host.stop()

    def test_a_second_signal_forces(self):
        host = self.new_host(sections={"take5": {"stuck_ms": 600000, "shutdown_timeout": "10m"}})
        host.drop("hang_message")
        host.start()
        host.wait_status("a message in hand", lambda status: len(status["assignment"]) == 6)
        self.wait_for("the strategy to hang", lambda: self.is_stuck(host))
        mark = host.log_size()
        host.process.signal(signal.SIGTERM)
        host.wait_log(r"stop", 30, mark)
        host.process.signal(signal.SIGTERM)
        self.assertNotEqual(host.process.wait(30), 0)

    @staticmethod
    def is_stuck(host):
        status = host.status()
        return status is not None and status["lanes"][0]["in_callback"] is not None


if __name__ == "__main__":
    main()
