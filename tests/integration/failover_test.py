#!/usr/bin/python3
"""Hosts of one group that end and come back: which partitions move, and which wait."""
import signal
import sys
import time

from harness import records
from harness.host import ready
from harness.scenario import Scenario, main

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 4
ALL = PARTITIONS * len(ROLES)
HALF = ALL // 2


def held(status):
    return sorted((part["topic"], part["partition"]) for part in status["assignment"])


class Failover(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{self.name}.{role}" for role in ROLES}
        self.kafka.create(*(f"{topic}:{PARTITIONS}" for topic in self.topics.values()))

    def recording_host(self, name, **sections):
        """A session is longer than a test may take: nothing waits for the end of one."""
        given = {f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}
        given["kafka"] = {"session.timeout.ms": 240_000, "heartbeat.interval.ms": 500}
        for section, keys in sections.items():
            given.setdefault(section, {}).update(keys)
        host = self.new_host(name, group=self.name, sections=given)
        host.drop("recorder")
        self.record_into(host, "1")
        return host

    def record_into(self, host, life):
        host.seen = self.path(f"seen-{host.directory.rsplit('/', 1)[-1]}-{life}")
        host.deploy("recorder", file=host.seen)

    def start_stream(self):
        return self.kafka.start_produce(10_000_000, topics=",".join(self.topics.values()),
                                        partitions=PARTITIONS, symbols=100, rate=2_000)

    def wait_held(self, host, count):
        return held(host.wait_status(f"{count} partitions",
                                     lambda status: len(status["assignment"]) == count))

    def start_two(self):
        """Both at work, with what each of them holds."""
        first, second = self.recording_host("first"), self.recording_host("second")
        first.start()
        self.wait_held(first, ALL)
        second.start()
        mine = self.wait_held(first, HALF)
        theirs = self.wait_held(second, HALF)
        self.assertEqual(set(mine) & set(theirs), set())
        return first, second, mine, theirs

    def wait_work(self, host):
        """New messages of every partition that it holds."""
        mark = records.count_lines(host.seen)
        self.wait_for(lambda: f"work on {HALF} partitions", lambda: len(
            {(r.topic, r.partition) for r in records.read(host.seen)[mark:]}) == HALF)

    def start_again(self, host, own, what):
        """With the same partitions; says how long it took until the last of them was at work. (How
        long it may take is not for a busy machine to judge: the session is longer than all waits.)"""
        began = time.monotonic()
        host.start()
        self.wait_work(host)
        took_s = time.monotonic() - began
        print(f"{what}: the last partition is back in work {took_s:.2f} s after the start",
              file=sys.stderr)
        self.assertEqual(self.wait_held(host, HALF), own)

    def finish(self, producer, *hosts):
        tally = producer.stop()
        self.kafka.wait_committed(self.name, tally["partitions"], 120)
        for host in hosts:
            host.stop()
        return tally

    def test_a_killed_host_is_back_with_its_partitions(self):
        first, second, mine, _ = self.start_two()
        producer = self.start_stream()
        for host in (first, second):
            self.wait_work(host)
        mark = second.log_size()
        lives = [first.seen, second.seen]
        first.kill()
        self.record_into(first, "2")
        lives.append(first.seen)
        self.start_again(first, mine, "kill -9")
        self.wait_work(second)
        self.assertIn("in place of the process at 127.0.0.1", first.log_text())
        self.assertEqual(first.events("group.join_slow"), [])
        for event in ("partitions.revoked", "partitions.lost", "group.join_slow"):
            self.assertEqual(second.events(event, mark), [], "the other host noticed nothing")
        tally = self.finish(producer, first, second)
        records.check_all_seen(self, [r for path in lives for r in records.read(path)], tally)
        for path in lives:
            records.check_in_order(self, records.read(path))

    def test_a_rolling_restart_moves_nothing(self):
        first, second, mine, theirs = self.start_two()
        producer = self.start_stream()
        lives = [first.seen, second.seen]
        for host, other, own in ((first, second, mine), (second, first, theirs)):
            self.wait_work(host)
            mark = other.log_size()
            host.stop()
            host.wait_event("partitions.kept", f"{HALF} partitions .* 240 s")
            self.record_into(host, "2")
            lives.append(host.seen)
            self.start_again(host, own, "restart")
            self.assertEqual(other.events("partitions.revoked", mark), [])
        tally = self.finish(producer, first, second)
        records.check_exactly_once(self, [r for path in lives for r in records.read(path)], tally)

    def test_a_host_that_leaves_gives_up_its_partitions(self):
        first, second, _, _ = self.start_two()
        code, out, err = second.ctl("stop", "--leave")
        self.assertEqual(code, 0, out + err)
        self.assertEqual(second.process.wait(60), 0)
        self.assertEqual(second.events("partitions.kept"), [])
        self.wait_held(first, ALL)
        # The configuration may say so for every stop.
        second.sections["take5"]["on_stop"] = "leave"
        second.write_ini()
        second.start()
        self.wait_held(second, HALF)
        second.stop()
        self.wait_held(first, ALL)
        first.stop()

    def test_of_two_hosts_with_one_id_the_newer_stays(self):
        old = self.recording_host("old", take5={"host_id": "twin"})
        new = self.recording_host("new", take5={"host_id": "twin"})
        old.start()
        self.wait_held(old, ALL)
        new.start()
        self.assertEqual(old.process.wait(60), 78)
        old.wait_event("group.fenced", '"twin".*host_id')
        new.wait_event("group.joining", "in place of the process at 127.0.0.1.*host_id")
        self.wait_held(new, ALL)
        tally = self.kafka.produce(1_000, topics=",".join(self.topics.values()),
                                   partitions=PARTITIONS)
        self.kafka.wait_committed(self.name, tally["partitions"])
        new.stop()

    def test_other_topics_after_a_restart_are_read(self):
        """A broker gives a member that is back the partitions of before. (stopping_test.py adds
        partitions to a topic meanwhile.)"""
        host = self.recording_host("host")
        host.start()
        self.wait_held(host, ALL)
        host.stop()
        self.kafka.create(f"{self.name}.more:{PARTITIONS}")
        host.sections["topic:more"] = {"topic": f"{self.name}.more"}
        host.write_ini()
        host.start()
        self.wait_held(host, ALL + PARTITIONS)
        self.assertNotEqual(host.events("group.rejoining"), [])
        host.stop()
        host.sections["topic:more"] = {"topic": ""}
        host.write_ini()
        host.start()
        self.wait_held(host, ALL)
        host.stop()

    def test_cooperative_members_come_back_and_leave(self):
        """The client takes another way there: partitions are assigned and revoked one by one."""
        kafka = {"partition.assignment.strategy": "cooperative-sticky"}
        first, second = (self.recording_host(name, kafka=kafka) for name in ("first", "second"))
        for host in (first, second):
            host.deploy("recorder", file=host.seen, allow_split="yes")
        first.start()
        self.wait_held(first, ALL)
        second.start()
        mine, theirs = self.wait_held(first, HALF), self.wait_held(second, HALF)
        mark = first.log_size()
        second.kill()
        second.start()
        self.assertEqual(self.wait_held(second, HALF), theirs)
        second.stop()
        second.start()
        self.assertEqual(self.wait_held(second, HALF), theirs)
        self.assertEqual(first.events("partitions.revoked", mark), [])
        self.assertEqual(held(first.status()), mine)
        self.kafka.create(f"{self.name}.more:{PARTITIONS}")
        for host in (first, second):
            host.stop()
            host.sections["topic:more"] = {"topic": f"{self.name}.more"}
            host.write_ini()
            host.start()
        self.wait_for("all partitions", lambda: sum(
            len(held(host.status() or {"assignment": []})) for host in (first, second)) ==
                      ALL + PARTITIONS)
        code, out, err = second.ctl("stop", "--leave")
        self.assertEqual((code, second.process.wait(60)), (0, 0), out + err)
        self.wait_held(first, ALL + PARTITIONS)
        first.stop()

    def test_a_frozen_broker_that_is_back_is_no_other_host(self):
        """The session is lost here, and what was on its way to the broker arrives behind the new
        joining. Mostly the host lives on; else it ends as something to be restarted."""
        host = self.recording_host("host", kafka={"session.timeout.ms": 3000})
        host.start()
        self.wait_held(host, ALL)
        producer = self.start_stream()
        self.wait_for("work", lambda: records.count_lines(host.seen) > 1_000)
        seen = [host.seen]
        mark = host.log_size()
        self.kafka.process.signal(signal.SIGSTOP)
        try:
            host.wait_event("partitions.lost", start=mark)
        finally:
            self.kafka.process.signal(signal.SIGCONT)
        done = records.count_lines(host.seen)

        def is_back():
            if not host.process.is_running():
                self.assertEqual(host.process.wait(1), 1)
                self.assertTrue(host.events("group.session_mixed", mark))
                self.record_into(host, str(len(seen) + 1))
                seen.append(host.seen)
                host.start()
            return records.count_lines(host.seen) > (done if len(seen) == 1 else 0) + 1_000

        self.wait_for("work again", is_back)
        self.assertEqual(host.events("group.fenced"), [])
        tally = self.finish(producer, host)
        records.check_all_seen(self, [r for path in seen for r in records.read(path)], tally)

    def test_the_wait_for_a_dead_member_is_said_with_its_bound(self):
        first, second, mine, theirs = self.start_two()
        first.kill()
        third = self.recording_host("third", http={"enabled": "yes", "port": 0}).start()
        port = third.wait_event("http.listening", r":(\d+) event=").group(1)
        for host in (second, third):
            left = host.wait_event("group.join_slow", r"(\d+) s more at most").group(1)
            self.assertLessEqual(int(left), 240)
            detail = host.status()["source"]["detail"]
            self.assertRegex(detail, r"waits for a member that ended without leaving, \d+ s more")
        code, checks = ready(port)
        self.assertEqual(code, 503)
        self.assertRegex(checks["assigned"]["detail"], r"\d+ s more at most")
        first.start()  # what is waited for
        everything = sorted(mine + theirs)
        hosts = first, second, third
        self.wait_for("shares that are all of it", lambda: sorted(
            part for status in (host.status() for host in hosts) if status is not None
            for part in held(status)) == everything)
        for host in (first, second, third):
            host.stop()


if __name__ == "__main__":
    main()
