#!/usr/bin/python3
"""[checkpoint] store = kafka: what strategies know is there for any host of the group."""
import json
import os
import re
import shutil
import subprocess

from harness import paths
from harness.chain import read_said
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.scenario import main


CHECKPOINT_BYTES = 3000  # of a checkpoint of 40 symbols; frames of a journal are less


class StateTopic(ChainScenario):
    WITH_PROXY = True

    def setUp(self):
        super().setUp()
        self.topic = f"{self.name}.state"

    def state_host(self, name="host", **options):
        return self.chain_host(name, checkpoint={"interval": "1s", "store": "kafka",
                                                 "topic": self.topic}, **options)

    def wait_written(self, host, more=1):
        """So many more checkpoints of each partition number."""
        before = host.wait_status("an answer", bool)["checkpoints"]["written"]
        host.wait_status(f"{more} checkpoints more", lambda status:
                         status["checkpoints"]["written"] >= before + more * PARTITIONS)

    def assert_only_ends_differ(self, said, final):
        """What a killed life said last may have gone out before the order of its messages was in
        the topic: then, and from there on alone, another host says it otherwise."""
        for number in range(PARTITIONS):
            before, differs = None, False
            for item in said:
                if item.partition != number:
                    continue
                if item.data["before"] != before:  # another life
                    differs = False
                is_final = item.line == final.get(item.id)
                self.assertFalse(differs and is_final, f"not the end of a life: {item.line}")
                differs = differs or not is_final
                before = item.data["after"]

    def judge_all(self, hosts, tally):
        """As judge(), of several hosts, of which the last one came to the end."""
        said = [item for host in hosts for item in read_said(host.signals)]
        chains, orders, gaps = self.chains_of(said, tally)
        self.assertEqual(gaps, [])
        final = {item.id: item.line for items in chains.values() for item in items}
        self.assert_same(final, self.replay(hosts[-1], orders))
        for host in hosts:
            self.assert_only_ends_differ(read_said(host.signals), final)
            self.assertEqual(host.events("state.discarded"), [])
            self.assertEqual(host.events("checkpoint.rejected"), [])
            self.assertEqual(host.events("checkpoint.order_unknown"), [])

    def test_an_empty_disk(self):
        host = self.state_host()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        for _ in range(2):
            self.wait_written(host)
            self.wait_lines(host, self.random.randrange(20, RATE // 5))
            self.kill(host)
            self.assertEqual(self.checkpoints(host), [])
            shutil.rmtree(os.path.join(host.directory, "state"))
            host.start()
            self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.judge_all([host], tally)

    def wait_level(self, host):
        """A checkpoint may be at the committed offset: then there is nothing to catch up."""
        host.wait_status("all instances level", lambda status: all(
            strategy["instances"] == PARTITIONS and strategy["catching_up"] == 0
            for strategy in status["strategies"]))

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers", lambda status: len(
            {part["partition"] for part in status["assignment"]}) == count)

    def test_it_moves_between_hosts(self):
        first, second = self.state_host("first"), self.state_host("second")
        first.start()
        self.start_stream()
        self.wait_lines(first, 200)
        for end in (self.kill, lambda host: host.stop(), self.kill):
            second.start()
            self.wait_owned(second, 1)
            self.wait_lines(second, 200)
            self.wait_written(first)
            end(second)
            self.wait_owned(first, PARTITIONS)
            self.wait_lines(first, 200)
        tally = self.end_stream(first)
        first.stop()
        self.judge_all([second, first], tally)

    # ---- the topic ----

    def records(self, isolation="read_committed"):
        """[(key, is a tombstone)] of the state topic."""
        done = subprocess.run(
            ["kcat", "-b", self.kafka.servers, "-C", "-t", self.topic, "-e", "-q", "-o",
             "beginning", "-X", f"isolation.level={isolation}", "-Z", "-f", "%p %K %S %k\\n"],
            check=True, capture_output=True, timeout=60)
        found, at, data = [], 0, done.stdout
        while at < len(data):
            partition, size, value, rest = data[at:].split(b" ", 3)
            found.append((partition + rest[:int(size)], value == b"-1"))
            at += len(data[at:]) - len(rest) + int(size) + 1
        return found

    def test_terms_before_are_removed(self):
        host = self.state_host()
        host.start()
        self.start_stream()
        for _ in range(2):
            self.wait_written(host)
            self.kill(host)
            host.start()
            self.wait_lines(host, 100)
        self.wait_written(host, 2)
        tally = self.end_stream(host)
        host.stop()
        last = dict(self.records())
        terms = {key.split(b"\0")[2][:48] for key, is_removed in last.items() if not is_removed}
        self.assertEqual(len(terms), PARTITIONS, terms)
        removed = {key.split(b"\0")[2][:48] for key, is_removed in last.items() if is_removed}
        self.assertEqual(len(removed - terms), 2 * PARTITIONS, "both lives before wrote")
        code, out, error = host.take5("checkpoint", "verify", "-c", host.ini)
        self.assertEqual(code, 0, out + error)
        code, out, error = host.take5("checkpoint", "list", "--json", "-c", host.ini)
        self.assertEqual(code, 0, error)
        listed = json.loads(out)
        self.assertEqual([item["partition"] for item in listed], ["0", "1"])
        code, out, error = host.take5("checkpoint", "show", "1", "--json", "-c", host.ini)
        self.assertEqual(code, 0, error)
        shown = json.loads(out)
        self.assertEqual(shown["number"], listed[1]["number"])
        self.assertEqual({position["topic"]: position["next"] for position in shown["positions"]},
                         {name: int(parts["1"]) for name, parts in tally["partitions"].items()})
        self.assertEqual(shown["deployments"][0]["records"], sum(
            key.startswith(b"1") and not is_removed and key.split(b"\0")[2][64:65] == b"r"
            for key, is_removed in last.items()))

    # ---- faults ----

    def is_there(self, topic):
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-L", "-J"], check=True,
                              capture_output=True, timeout=60)
        return topic in {item["topic"] for item in json.loads(done.stdout)["topics"]}

    def refused(self, host):
        """The command that the refusal names."""
        mark = host.log_size()
        host.start()
        self.assertNotEqual(host.process.wait(60), 0)
        (line,) = host.events("start.failed", mark)
        self.assertIn(f"[checkpoint] topic {self.topic}", line)
        return re.search(r": (\S+\.sh) (.*?)(?: event=|$)", line).groups()

    def test_wrong_settings_are_refused(self):
        host = self.state_host()
        self.kafka.create(f"{self.topic}:{PARTITIONS + 1}:cleanup.policy=compact")
        command, arguments = self.refused(host)
        self.assertEqual(command, "kafka-topics.sh")
        self.assertEqual(arguments.split()[-3:], ["--delete", "--topic", self.topic])
        self.kafka.delete(self.topic)
        self.wait_for("the topic to be gone", lambda: not self.is_there(self.topic))
        self.kafka.create(f"{self.topic}:1:cleanup.policy=delete")
        command, arguments = self.refused(host)
        self.assertEqual((command, arguments.split()[-2:]), ("kafka-topics.sh",
                                                             ["--partitions", str(PARTITIONS)]))
        self.kafka.grow(f"{self.topic}:{PARTITIONS}")
        command, arguments = self.refused(host)
        self.assertEqual(command, "kafka-configs.sh")
        self.kafka.run_tool("kafka.admin.ConfigCommand", *arguments.split())
        mark = host.log_size()
        host.start()
        self.start_stream()
        self.wait_lines(host, 100)
        self.wait_written(host)
        self.assertNotIn("min.compaction.lag.ms", host.log_text(mark))
        self.end_stream(host)
        host.stop()

    def test_killed_within_a_checkpoint(self):
        """Its records are in the log, and not committed."""
        host = self.state_host()
        host.sections["kafka"]["bootstrap.servers"] = self.kafka.proxy_servers
        host.write_ini()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        self.wait_written(host, 2)
        self.proxy.hold_commit(CHECKPOINT_BYTES)
        self.assertTrue(self.proxy.has_held.wait(60), host.log_tail())
        self.kill(host)
        cut = len(self.records("read_uncommitted")) - len(self.records())
        self.assertGreater(cut, 10, "nothing was cut off")
        host.sections["kafka"]["bootstrap.servers"] = self.kafka.servers
        host.write_ini()
        shutil.rmtree(os.path.join(host.directory, "state"))
        host.start()
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.judge_all([host], tally)

    def corrupt(self, kind, how, partition=0):
        """A record of that kind once more, otherwise; the broker has it."""
        done = subprocess.run([paths.tool("corrupt"), self.kafka.servers, self.topic,
                               str(partition), kind, how], check=False, capture_output=True, text=True,
                              timeout=120)
        self.assertRegex(done.stdout, r"^\d+ \d+\n$", done.stderr)

    def checkpoint_command(self, host, *arguments):
        """What it says; whatever lies in the topic, it does not crash."""
        code, out, error = host.take5("checkpoint", *arguments, "--json", "-c", host.ini)
        self.assertIn(code, (0, 1), out + error)
        return code, out, error

    def assert_damage_is_said(self, host, number):
        """And what can be used is still listed and shown."""
        code, out, error = self.checkpoint_command(host, "verify")
        self.assertEqual(code, 1, out + error)
        self.assertIn(f"{self.topic}[0]", out + error)
        code, out, error = self.checkpoint_command(host, "list")
        self.assertEqual({item["partition"]: item["number"] for item in json.loads(out)}["0"],
                         number, error)
        code, out, error = self.checkpoint_command(host, "show", "0")
        self.assertEqual((code, json.loads(out)["number"]), (0, number), error)

    def newest(self, host):
        code, out, error = self.checkpoint_command(host, "show", "0")
        self.assertEqual(code, 0, out + error)
        return json.loads(out)["number"]

    def test_a_damaged_header(self):
        """Behind the one that was written last: cut off, with another bit, of another form, another
        partition number's. The host says so and goes on with the one before."""
        host = self.state_host()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        self.wait_written(host)
        for how in ("cut", "flip", "form", "from=1"):
            self.kill(host)
            number = self.newest(host)
            self.corrupt("h", how)
            self.assert_damage_is_said(host, number)
            mark = host.log_size()
            host.start()
            host.wait_event("checkpoint.rejected", rf"topic {self.topic}\[0\]", start=mark)
            self.wait_level(host)
            self.wait_written(host)
            self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.checkpoint_command(host, "verify")[0], 0)
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_damaged_records_of_a_state(self):
        """Of a checkpoint whose header is good: one too many, one with another bit, one cut off, one of
        another partition number, frames of the journal. The host says what does not add up. Keys
        with another bit begin no term."""
        host = self.state_host()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        self.wait_written(host)
        bars = self.topics["bar_trends"]
        self.wait_for("an offset, and its journal before it", lambda: self.kafka.committed(
            host.group, {bars: {"0": 0}})[bars]["0"] > 0)
        self.wait_lines(host, 100)
        for kind, how in (("r", "more"), ("r", "flip"), ("r", "cut"), ("d", "from=1")):
            self.kill(host)
            number = self.newest(host)
            self.corrupt(kind, how)
            self.corrupt("j", "flip")
            self.corrupt("h", "same")
            self.corrupt(kind, "term")
            self.corrupt("h", "term")
            self.assert_damage_is_said(host, number)
            mark = host.log_size()
            host.start()
            host.wait_event("checkpoint.rejected", rf"topic {self.topic}\[0\]", start=mark)
            self.wait_level(host)
            self.wait_written(host)
            self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.checkpoint_command(host, "verify")[0], 0)
        self.assertEqual(host.events("state.discarded"), [])
        _, _, gaps = self.chains_of(read_said(host.signals), tally)
        self.assertEqual(gaps, [])

    def test_the_topic_is_removed(self):
        host = self.state_host()
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        self.wait_written(host)
        mark = host.log_size()
        self.kafka.delete(self.topic)
        host.wait_event("checkpoint.failing", start=mark)
        host.wait_event("checkpoint.recovered", start=mark)
        self.wait_written(host, 2)
        self.wait_lines(host, 200)
        self.kill(host)
        shutil.rmtree(os.path.join(host.directory, "state"))
        host.start()
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.judge_all([host], tally)


if __name__ == "__main__":
    main()
