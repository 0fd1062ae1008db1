#!/usr/bin/python3
"""[signals] delivery = exactly_once while operators do what they do, as a reader of committed
records sees it (harness/exact_scenario.py)."""
import json
import os
import signal

from harness import paths
from harness.exact_scenario import PARTITIONS, RATE, ExactScenario
from harness.scenario import main


class ExactOperations(ExactScenario):
    def ctl(self, host, *arguments):
        code, out, error = host.ctl(*arguments)
        self.assertEqual(code, 0, out + error)
        return out

    def test_drained(self):
        host = self.exact_host()
        host.start()
        self.start_stream()
        for _ in range(2):
            self.wait_read(200, host)
            self.ctl(host, "drain")
            # Whatever was handed over is committed, and nothing more comes.
            status = host.wait_status("all to be confirmed", lambda status:
                                      status["totals"]["unconfirmed"] == 0)
            said = self.reader.said()
            self.assertEqual(len({item.id for item in said}), len(said))
            self.assertEqual(host.wait_status("an answer", bool)["totals"]["messages"],
                             status["totals"]["messages"])
            self.ctl(host, "drain", "off")
        self.wait_read(200, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)

    def test_reloaded_and_killed(self):
        host = self.exact_host()
        host.start()
        self.start_stream()
        for build in (2, 1):
            self.wait_read(200, host)
            mark = host.log_size()
            self.drop_build(host, build)
            host.process.signal(signal.SIGHUP)
            host.wait_event("reload.summary", "1 replaced", start=mark)
            self.wait_read(20, host)
            self.kill(host)
            host.start()
        self.wait_read(200, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_disk_full_for_a_while(self):
        """Signals go out all the same; and killed meanwhile, so that it begins on a full disk."""
        full = self.path("full")
        self.is_joined = False
        host = self.exact_host()
        variables = {"LD_PRELOAD": paths.tool("libfault.so"), "TAKE5_FULL": full}
        host.start(**variables)
        self.start_stream()
        self.wait_read(200, host)
        with open(full, "w", encoding="utf-8"):
            pass
        host.wait_event("checkpoint.failing", "No space left on device")
        self.wait_read(200, host)
        self.kill(host)
        mark = host.log_size()
        host.start(**variables)
        host.wait_event("checkpoint.failing", "No space left on device", start=mark)
        self.wait_read(200, host)
        os.unlink(full)
        host.wait_event("checkpoint.recovered", start=mark)
        self.wait_read(200, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_cooperative_members_join_leave_and_die(self):
        self.is_joined = False
        # A number's topics do not stay together there: with more than one the state topic is refused.
        others = {f"topic:{role}": {"topic": ""} for role in ("historic_stats", "asset_trends")}
        sections = {**others, "kafka": {"partition.assignment.strategy": "cooperative-sticky"},
                    "checkpoint": {"store": "kafka", "topic": f"{self.name}.state"}}
        first, second = (self.exact_host(name, **sections) for name in ("first", "second"))
        first.start()
        self.start_stream()
        self.wait_read(200, first)
        for end in (self.kill, lambda host: self.ctl(host, "stop", "--leave")):
            second.start()
            self.wait_owned(second, 1)
            self.wait_read(200, first, second)
            end(second)
            self.wait_owned(first, PARTITIONS)
            self.wait_read(200, first)
        tally = self.end_stream(first.group)
        first.stop()
        for host in (first, second):
            self.assertEqual(host.events("state.discarded"), [])
        self.judge(first, tally)

    def suspend(self, host, messages=RATE):
        """And lets so many messages pass it by."""
        self.ctl(host, "suspend", "chain")
        totals = host.wait_status("an answer", bool)["totals"]
        goal = totals["messages"] + messages
        host.wait_status(f"{goal} messages", lambda status: status["totals"]["messages"] >= goal)

    def late_signals_come_once(self, **checkpoint):
        """Killed before a checkpoint knows that it was suspended, while it catches up, and before one
        knows that it is level again: what was committed says so each time."""
        host = self.exact_host(checkpoint={"interval": "1h", **checkpoint})
        host.start()
        self.start_stream()
        self.wait_read(200, host)
        self.suspend(host)
        self.kill(host)
        mark = host.log_size()
        host.start()
        host.wait_event("catch_up.begun", start=mark)
        self.wait_read(100, host)
        self.kill(host)
        host.start()
        self.wait_read(400, host)
        self.suspend(host)
        mark = host.log_size()
        self.ctl(host, "resume", "chain")
        self.wait_read(50, host)
        self.kill(host)
        host.start()
        self.wait_read(400, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_late_signals_come_once(self):
        self.late_signals_come_once()

    def test_late_signals_come_once_with_a_state_topic(self):
        self.is_joined = False  # the topic has no order from before its last checkpoint
        self.late_signals_come_once(store="kafka", topic=f"{self.name}.state")

    def test_redriven(self):
        """Of one dead letter that is given once more each signal is read once, also when the host
        is killed right behind."""
        topic = self.topics["bar_trends"]
        host = self.exact_host()
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop(paths.strategy("as_good/reject_message"), "good.so")
        host.deploy("good", every=1)
        host.start()
        for number in range(3):
            self.kafka.send(topic, json.dumps({"symbol": "A", "price": number + 1}), key="A",
                            partition=0)
        self.kafka.wait_committed(host.group, {topic: {"0": 3}})
        host.drop("good_v1", "good.so")
        self.ctl(host, "reload")
        code, out, error = host.take5("dlq", "redrive", "-c", host.ini, "--through", "good")
        self.assertEqual(code, 0, out + error)
        self.assertIn("3 dead letters redriven to good", out)
        self.kill(host)
        host.start()
        self.kafka.send(topic, json.dumps({"symbol": "A", "price": 9}), key="A", partition=0)
        self.kafka.wait_committed(host.group, {topic: {"0": 4}})
        host.stop()
        read = [json.loads(item["payload"])["id"] for item in self.kafka.read(self.signals)]
        self.assertEqual(sorted(read), sorted(f"good/{topic}/0/{offset}/0" for offset in range(4)))


if __name__ == "__main__":
    main()
