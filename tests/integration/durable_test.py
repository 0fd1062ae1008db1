#!/usr/bin/python3
"""What strategies know outlives all that happens to a host.

The strategy `chain` (tests/plugins/chain.c) says with every signal which messages it was handed
since the last one, and digests of all before. So what a host wrote tells the order in which it
handled its messages; a replay in that order, which nothing interrupts, has to say the same, byte by
byte.
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.request

from harness import paths
from harness.chain import EVERY, read_said
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.ports import free_ports
from harness.scenario import main

KILLS = 20
FEW = 2  # where the same is shown of another kind of strategy
DAMAGES = 50
FAILS_IN_A_ROW = 3
FAILS_AT = (500, 1500)  # of chain.c, with PLUGIN_FAILS
CRASHES_AT = 6000


class Durable(ChainScenario):
    # ---- scenarios ----

    def killed_under_load(self, is_joined, kills):
        """So many kills, and more until one fell between two checkpoints."""
        host = self.chain_host(is_joined=is_joined)
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        begun = host.log_size()
        turn = 0
        while turn < kills or turn < KILLS and not host.events("catch_up.begun", begun):
            self.wait_lines(host, self.random.randrange(20, RATE // EVERY))
            self.kill(host)
            mark = host.log_size()
            host.start()
            if turn % 4 == 1:  # and once more, while it recovers
                host.wait_event("partitions.assigned", start=mark)
                self.kill(host)
                host.start()
            self.wait_lines(host, 1)
            self.assertEqual(host.events("state.discarded", mark), [])
            turn += 1
        tally = self.end_stream(host)
        host.stop()
        self.assertNotEqual(host.events("catch_up.begun", begun), [],
                            "no kill fell between two checkpoints")
        self.assertGreater(self.judge(host, tally), 0, "no kill had anything in progress")

    def test_killed_under_load(self):
        self.killed_under_load(is_joined=False, kills=FEW)

    def test_killed_under_load_joined(self):
        self.killed_under_load(is_joined=True, kills=KILLS)

    def test_killed_under_load_global(self):
        """One instance for all partitions, which counts the messages of each symbol."""
        host = self.chain_host()
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop("good_global", "good.so")
        host.deploy("good", every=1)
        host.start()
        self.start_stream()
        for turn in range(FEW):
            self.wait_for("a checkpoint", lambda number=turn + 1: any(
                int(name.split(".")[0]) >= number for name in self.global_files(host)
                if name.endswith(".checkpoint")))
            self.wait_lines(host, self.random.randrange(100, RATE))
            self.kill(host)
            mark = host.log_size()
            host.start()
            host.wait_event("strategy.caught_up", "the GLOBAL deployments: .*good", start=mark)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge_counts(host, tally)

    @staticmethod
    def global_files(host):
        folder = os.path.join(host.directory, "state", "checkpoints", "global")
        return os.listdir(folder) if os.path.isdir(folder) else []

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
        parts = {name: {str(number): 0 for number in range(PARTITIONS)}
                 for name in self.fed_topics()}
        for moment in ("commit:2", "sync:3", "rename:2", "sync:1", "commit:1"):
            before = self.kafka.committed(host.group, parts)
            self.start_with_fault(host, TAKE5_KILL_AT=moment)
            self.assertEqual(host.process.wait(60), -signal.SIGKILL, moment)
            # The first journal is on the disk before the first commit; what was sent has arrived.
            if moment == "sync:1":
                self.assertEqual(self.kafka.committed(host.group, parts), before, moment)
            elif moment.startswith("commit"):
                self.wait_for("offsets that moved", lambda seen=before: self.kafka.committed(
                    host.group, parts) != seen)
        host.start()
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_disk_full_for_a_while_joined(self):
        """What passes meanwhile no journal tells: whoever is not killed needs none."""
        full = self.path("full")
        host = self.chain_host()
        self.start_with_fault(host, TAKE5_FULL=full)
        self.start_stream()
        self.wait_checkpoint(host)
        with open(full, "w", encoding="utf-8"):
            pass
        host.wait_event("checkpoint.failing", "No space left on device")
        self.wait_lines(host, RATE // EVERY)
        os.unlink(full)
        host.wait_event("checkpoint.recovered")
        for _ in range(2):  # the newest may be above what is committed
            self.wait_checkpoint(host)
        self.wait_lines(host, 20)
        self.kill(host)
        mark = host.log_size()
        host.start()
        self.wait_lines(host, 100)
        self.assertEqual(host.events("checkpoint.order_unknown", mark), [])
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
        self.assertGreater(self.judge(host, tally), 0, "no kill had anything in progress")

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
        tally["partitions"][name]["0"] += len(values)
        self.judge(host, tally)

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

    def held_back_host(self):
        """Two of one strategy (tests/plugins/chain.c), which pass some messages by. One of them says
        that it cannot handle these, or does not want them, and once it crashes."""
        (port,) = free_ports(1)
        host = self.chain_host(
            is_joined=False, http={"enabled": "yes", "port": port},
            take5={"on_crash": "quarantine", "error_run": FAILS_IN_A_ROW, "suspend": "1s",
                   "suspend_max": "1s", "reject_rate": f"{FAILS_IN_A_ROW}/min"})
        host.drop("chain_fails", "chain.so")
        host.deploy("twin", plugin="chain")
        host.deploy("chain", fails="yes", crashes_at=CRASHES_AT)
        return host

    def reload_chain(self, host, outcome, **keys):
        mark = host.log_size()
        host.deploy("chain", **keys)
        self.ctl(host, "reload")
        host.wait_event("reload.summary", outcome, start=mark)
        return mark

    def catch_up_metrics(self, host):
        """{kind: messages} of chain."""
        with urllib.request.urlopen(f"http://127.0.0.1:{host.sections['http']['port']}/metrics",
                                    timeout=60) as answer:
            text = answer.read().decode()
        self.assertRegex(text, r'(?m)^take5_strategy_behind_messages\{strategy="chain"\} \d')
        return {kind: int(count) for kind, count in re.findall(
            r'(?m)^take5_catch_up_messages_total\{strategy="chain",kind="(\w+)"\} (\d+)$', text)}

    def test_nothing_passes_one_that_is_held_back(self):
        """After errors, after rejects, in quarantine after a crash, and while it is disabled."""
        host = self.held_back_host()
        host.start()
        self.start_stream()
        self.assertEqual(host.process.wait(60), -signal.SIGABRT)
        suspended = host.events("strategy.suspended")
        for why in ("errors", "rejects"):
            for number in range(PARTITIONS):
                self.assertTrue(any(f"chain on partition {number}: suspended ({why})" in line
                                    for line in suspended), suspended)
        mark = host.log_size()
        host.start()
        host.wait_event("strategy.quarantined", "chain", start=mark)
        self.wait_lines(host, RATE // EVERY // 2)  # the twin's
        self.reload_chain(host, "reload:", fails="yes")
        mark = host.log_size()
        self.ctl(host, "resume", "chain")
        self.wait_caught_up(host, mark)
        self.assertGreater(self.catch_up_metrics(host)["late"], 0)
        self.reload_chain(host, "1 removed", enabled="no")
        self.wait_lines(host, RATE // EVERY // 2)
        self.wait_caught_up(host, self.reload_chain(host, "1 loaded", fails="yes"))
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.assert_says_what_its_twin_says(host)
        said = {item.id for item in read_said(host.signals)}
        self.assertEqual(len(said), sum(
            (count + EVERY - 1) // EVERY - len([at for at in FAILS_AT if at < count])
            for number in range(PARTITIONS) for count in self.counts(tally, number)))

    def test_killed_before_a_checkpoint_while_held_back(self):
        """Where one was that does not run any more is known before offsets go on, and so is where one
        would have begun that was refused."""
        host = self.chain_host(is_joined=False, checkpoint={"interval": "1h"})
        host.deploy("twin", plugin="chain")
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        host.stop()
        for keys in ({"enabled": "no"}, {"fails": "no such value"}):
            host.deploy("chain", **keys)
            host.start()
            self.wait_lines(host, RATE // EVERY)  # the twin's
            self.wait_passed(host)
            self.kill(host)
            host.deploy("chain")
            mark = host.log_size()
            host.start()
            self.wait_caught_up(host, mark)
            host.stop()
        host.start()
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.assertEqual(self.judge_one_of_two(host, tally), 0)
        self.assert_says_what_its_twin_says(host)

    def wait_passed(self, host):
        """Until offsets beyond what was committed by now are."""
        parts = {topic: {str(number): 0 for number in range(PARTITIONS)}
                 for topic in self.fed_topics()}
        before = self.kafka.committed(host.group, parts)
        self.wait_for("offsets to go on", lambda: all(
            offset > before[topic][number]
            for topic, numbers in self.kafka.committed(host.group, parts).items()
            for number, offset in numbers.items()))

    def test_global_alone_while_disabled(self):
        """Nobody GLOBAL runs meanwhile who would keep its place."""
        host = self.chain_host(checkpoint={"interval": "1h"})
        host.withdraw("chain")
        os.remove(os.path.join(host.strategies, "chain.so"))
        host.drop("good_global", "good.so")
        host.drop("mute")
        host.deploy("mute")
        for end in (lambda host: host.stop(), self.kill):
            host.deploy("good", every=1)
            mark = host.log_size()
            host.start()
            if self.producer is None:
                self.start_stream()
            else:
                host.wait_event("strategy.caught_up", "good", start=mark)
            self.wait_lines(host, RATE)
            host.stop()
            host.deploy("good", every=1, enabled="no")
            host.start()
            self.wait_passed(host)
            end(host)
        host.deploy("good", every=1)
        mark = host.log_size()
        host.start()
        host.wait_event("strategy.caught_up", "good", start=mark)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.assertEqual(self.judge_counts(host, tally), 0)

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

    def damage(self, path):
        """One bit anywhere; gives what is there now."""
        with open(path, "r+b") as file:
            content = bytearray(file.read())
            content[self.random.randrange(len(content))] ^= 1 << self.random.randrange(8)
            file.seek(0)
            file.write(content)
        return content

    def test_a_damaged_checkpoint(self):
        """At random bytes: each is found, and hosts begin with the one before."""
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        for number in range(PARTITIONS):
            self.wait_checkpoint(host)
            self.wait_lines(host, 100)
            host.stop()
            newest = self.checkpoints(host, number)[-1]
            path = os.path.join(host.directory, "state", "checkpoints", str(number),
                                f"{newest}.checkpoint")
            with open(path, "rb") as file:
                whole = file.read()
            for _ in range(DAMAGES // PARTITIONS):
                content = self.damage(path)
                code, out, error = host.take5("checkpoint", "verify", "-c", host.ini)
                self.assertNotEqual(code, 0, out + error)
                self.assertIn(path, out + error)
                with open(path, "wb") as file:
                    file.write(whole)
            content = self.damage(path)
            mark = host.log_size()
            host.start()
            host.wait_event("strategy.caught_up", rf"partition {number}: .*\bchain\b", start=mark)
            self.assertIn(path, host.log_text(mark))
            self.assertEqual(host.events("state.discarded", mark), [])
            (aside,) = glob.glob(f"{path}.*")  # refused, where it now says that it has another form
            with open(aside, "rb") as file:
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
