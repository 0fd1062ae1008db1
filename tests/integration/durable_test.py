#!/usr/bin/python3
"""What strategies know outlives all that happens to a host.

The strategy `chain` (tests/plugins/chain.c) says with every signal which messages it was handed
since the last one, and digests of all before. So what a host wrote tells the order in which it
handled its messages; a replay in that order, which nothing interrupts, has to say the same, byte by
byte.
"""
import os
import shutil
import signal
import subprocess

from harness import paths
from harness.chain import EVERY, read_said
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.scenario import main

KILLS = 3


class Durable(ChainScenario):
    # ---- scenarios ----

    def killed_under_load(self, is_joined):
        host = self.chain_host(is_joined=is_joined)
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        behind = 0
        for turn in range(KILLS):
            self.wait_lines(host, self.random.randrange(20, 2 * RATE // EVERY))
            self.kill(host)
            mark = host.log_size()
            host.start()
            if turn % 2 == 1:  # and once more, while it recovers
                host.wait_event("partitions.assigned", start=mark)
                self.kill(host)
                host.start()
            self.wait_lines(host, 1)
            behind += len(host.events("catch_up.begun", mark))
            self.assertEqual(host.events("state.discarded", mark), [])
        self.assertGreater(behind, 0, "no kill fell between two checkpoints")
        tally = self.end_stream(host)
        host.stop()
        self.assertGreater(self.judge(host, tally), 0, "no kill had anything in hand")

    def test_killed_under_load(self):
        self.killed_under_load(is_joined=False)

    def test_killed_under_load_joined(self):
        self.killed_under_load(is_joined=True)

    def test_stopped_between(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        for _ in range(2):
            self.wait_lines(host, RATE // EVERY)
            host.stop()
            host.start()
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), 0)

    def test_reloaded_between(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        for build in (2, 1):
            self.wait_lines(host, RATE // EVERY)
            mark = host.log_size()
            self.drop_build(host, build)
            host.process.signal(signal.SIGHUP)
            host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), 0)

    def test_killed_after_a_reload(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        mark = host.log_size()
        self.drop_build(host, 2)
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_lines(host, self.random.randrange(10, RATE // EVERY))
        self.kill(host)
        mark = host.log_size()
        host.start()
        self.wait_lines(host, 100)
        self.assertEqual(host.events("state.discarded", mark), [])
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    def start_with_fault(self, host, **variables):
        host.start(LD_PRELOAD=paths.tool("libfault.so"), **variables)

    def test_killed_at_awkward_moments(self):
        """Between the journal's sync and the commit, between a checkpoint and the journal behind it,
        and between a commit and its acknowledgement."""
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        self.kill(host)
        for moment in ("commit:2", "sync:3", "rename:2", "sync:1", "commit:1"):
            self.start_with_fault(host, TAKE5_KILL_AT=moment)
            self.assertEqual(host.process.wait(60), -signal.SIGKILL, moment)
        host.start()
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_disk_full_for_a_while(self):
        """And killed meanwhile, so that it begins on a full disk."""
        full = self.path("full")
        host = self.chain_host(is_joined=False)
        self.start_with_fault(host, TAKE5_FULL=full)
        self.start_stream()
        self.wait_checkpoint(host)
        with open(full, "w", encoding="utf-8"):
            pass
        host.wait_event("checkpoint.failing", "No space left on device")
        self.wait_lines(host, RATE // EVERY)
        self.kill(host)
        mark = host.log_size()
        self.start_with_fault(host, TAKE5_FULL=full)
        host.wait_event("checkpoint.failing", "No space left on device", start=mark)
        host.wait_event("checkpoint.order_volatile", start=mark)
        self.wait_lines(host, RATE // EVERY)
        os.unlink(full)
        host.wait_event("checkpoint.recovered", start=mark)
        self.wait_checkpoint(host)
        self.kill(host)
        host.start()
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.assertGreater(self.judge(host, tally), 0, "no kill had anything in hand")

    def test_a_log_that_ends_in_a_control_record(self):
        """Nobody waits for a message at the last offset."""
        host = self.chain_host(is_joined=False, checkpoint={"interval": "0"})
        name = self.fed_topics()[0]
        host.start()
        host.wait_event("partitions.assigned")
        tally = self.kafka.produce(100, **self.options())
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        host.start()
        values = [f'{{"symbol":"A","price":{number}}}' for number in range(3)]
        end = self.kafka.committed(host.group, {name: {"0": 0}})[name]["0"] + len(values)
        subprocess.run([paths.tool("transaction"), self.kafka.servers, name, "0", *values],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True, timeout=120)
        self.wait_for("the transaction's messages", lambda: self.kafka.committed(
            host.group, {name: {"0": 0}})[name]["0"] >= end)
        self.kill(host)
        mark = host.log_size()
        host.start()
        host.wait_event("catch_up.begun", "with 3 messages", start=mark)
        host.wait_event("strategy.caught_up", r"partition 0: .*\bchain\b", start=mark)
        host.stop()

    # ---- suspended ----

    def ctl(self, host, *arguments):
        code, out, error = host.ctl(*arguments)
        self.assertEqual(code, 0, out + error)

    def suspend(self, host, messages=RATE):
        """And lets so many messages pass it by."""
        self.wait_lines(host, 200)
        self.ctl(host, "suspend", "chain")
        status = host.wait_status("the suspension", lambda status: all(
            strategy["suspended"] == PARTITIONS for strategy in status["strategies"]
            if strategy["name"] == "chain"))
        goal = status["totals"]["messages"] + messages
        host.wait_status(f"{goal} messages", lambda status: status["totals"]["messages"] >= goal)

    def wait_caught_up(self, host, mark):
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"partition {number}: .*\bchain\b", start=mark)

    def resume(self, host):
        mark = host.log_size()
        self.ctl(host, "resume", "chain")
        self.wait_caught_up(host, mark)

    def assert_says_what_its_twin_says(self, host):
        """The same code over the same messages, which was never suspended."""
        twin = {item.id.replace("twin/", "chain/", 1):
                item.line.replace('"twin', '"chain') for item in read_said(host.signals, "twin")}
        self.assertGreater(len(twin), 0)
        self.assert_same({item.id: item.line for item in read_said(host.signals)}, twin)

    def test_suspended_and_resumed(self):
        host = self.chain_host()
        host.deploy("twin", plugin="chain")
        host.start()
        self.start_stream()
        for _ in range(2):
            self.suspend(host)
            self.resume(host)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge_one_of_two(host, tally), 0)
        self.assert_says_what_its_twin_says(host)

    def judge_one_of_two(self, host, tally):
        host.withdraw("twin")
        return self.judge(host, tally)

    def test_killed_and_stopped_while_suspended(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        for end in (self.kill, lambda host: host.stop()):
            self.suspend(host)
            self.wait_checkpoint(host)
            end(host)
            mark = host.log_size()
            host.start()
            self.wait_caught_up(host, mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    def test_resumed_without_what_it_missed(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.suspend(host)
        self.ctl(host, "resume", "--skip", "chain")
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        missed = sum(to - first for first, to in self.judge_gaps(host, tally).values())
        self.assertGreaterEqual(missed, RATE)

    def test_deleted_while_suspended(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.suspend(host)
        parts = {topic: {str(number): 0 for number in range(PARTITIONS)}
                 for topic in self.fed_topics()}
        # Below what is committed, so that the stream itself loses nothing.
        committed = self.kafka.committed(host.group, parts)
        begins = {(topic, number): committed[name][str(number)] - 20
                  for topic, name in enumerate(self.fed_topics()) for number in range(PARTITIONS)}
        self.kafka.truncate(*(f"{self.fed_topics()[topic]}:{number}:{offset}"
                              for (topic, number), offset in begins.items()))
        mark = host.log_size()
        self.resume(host)
        for (topic, number), offset in begins.items():
            self.assertTrue(any(f"chain on partition {number}: {self.fed_topics()[topic]} "
                                "no longer has offsets" in line and f" to {offset - 1}:" in line
                                for line in host.events("catch_up.messages_deleted", mark)),
                            host.log_text(mark))
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        gaps = self.judge_gaps(host, tally)
        self.assertEqual({part: to for part, (_, to) in gaps.items()}, begins)

    def test_reloaded_and_killed_while_suspended(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        self.suspend(host)
        mark = host.log_size()
        self.drop_build(host, 2)
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_checkpoint(host)
        self.kill(host)
        mark = host.log_size()
        host.start()
        self.wait_caught_up(host, mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    # ---- files and hosts ----

    def test_deleted_behind_a_checkpoint(self):
        """The messages between it and the committed offsets are gone."""
        host = self.chain_host(is_joined=False, checkpoint={"interval": "0"})
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        host.stop()
        name = self.fed_topics()[0]
        parts = {name: {str(number): 0 for number in range(PARTITIONS)}}
        stands = self.kafka.committed(host.group, parts)[name]
        host.start()
        self.wait_for("offsets above the checkpoint", lambda: all(
            offset > stands[number] + 100
            for number, offset in self.kafka.committed(host.group, parts)[name].items()))
        self.kill(host)
        begins = self.kafka.committed(host.group, parts)[name]
        self.kafka.truncate(*(f"{name}:{number}:{offset}" for number, offset in begins.items()))
        mark = host.log_size()
        host.start()
        for number, offset in begins.items():
            host.wait_event("catch_up.messages_deleted", rf"chain on partition {number}: {name} no "
                            rf"longer has offsets {stands[number]} to {offset - 1}:", start=mark)
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge_gaps(host, tally), {
            (0, int(number)): (stands[number], offset) for number, offset in begins.items()})

    def test_a_damaged_checkpoint(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        self.wait_checkpoint(host)
        self.wait_lines(host, 100)
        host.stop()
        newest = self.checkpoints(host)[-1]
        path = os.path.join(host.directory, "state", "checkpoints", "0", f"{newest}.checkpoint")
        with open(path, "r+b") as file:
            content = bytearray(file.read())
            content[len(content) // 2] ^= 1
            file.seek(0)
            file.write(content)
        code, out, error = host.take5("checkpoint", "verify", "-c", host.ini)
        self.assertNotEqual(code, 0, out + error)
        self.assertIn(path, out + error)
        mark = host.log_size()
        host.start()
        host.wait_event("strategy.caught_up", r"partition 0: .*\bchain\b", start=mark)
        self.assertIn(path, host.log_text(mark))
        self.assertEqual(host.events("state.discarded", mark), [])
        with open(f"{path}.damaged", "rb") as file:
            self.assertEqual(file.read(), content)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), 0)

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers", lambda status: len(
            {part["partition"] for part in status["assignment"]}) == count)

    def test_a_second_host_joins_and_leaves(self):
        """Each has a state of its own: both begin with one of the first host's."""
        kafka = {"session.timeout.ms": 2000}  # the first one waits for the dead one's end
        first = self.chain_host("first", is_joined=False, kafka=kafka)
        second = self.chain_host("second", is_joined=False, kafka=kafka, take5={"on_stop": "leave"})
        first.start()
        self.start_stream()
        self.wait_lines(first, 200)
        first.stop()
        shutil.copytree(os.path.join(first.directory, "state"),
                        os.path.join(second.directory, "state"))
        first.start()
        self.wait_lines(first, 100)
        def freeze(host):
            """For longer than its session lasts; it comes back to partitions that are another's."""
            mark = host.log_size()
            host.process.signal(signal.SIGSTOP)
            self.wait_owned(first, PARTITIONS)
            self.wait_lines(first, 200)
            host.process.signal(signal.SIGCONT)
            host.wait_event("partitions.lost", start=mark)
            self.wait_lines(first, 200)
            self.kill(host)

        for end in (self.kill, lambda host: host.stop(), freeze):
            second.start()
            self.wait_owned(second, 1)
            self.wait_lines(second, 200)
            end(second)
            self.wait_owned(first, PARTITIONS)
            self.wait_lines(first, 200)
        tally = self.end_stream(first)
        first.stop()
        orders = {number: [(0, offset) for offset in range(int(count))]
                  for number, count in enumerate(
                      tally["partitions"][self.fed_topics()[0]][str(n)]
                      for n in range(PARTITIONS))}
        expected = self.replay(first, orders)
        said = read_said(first.signals) + read_said(second.signals)
        for lines in (said, said[::-1]):  # the last copy of each, and the first
            self.assert_same({item.id: item.line for item in lines}, expected)
        for host in (first, second):
            self.assertEqual(host.events("state.discarded"), [])


if __name__ == "__main__":
    main()
