#!/usr/bin/python3
"""`take5 record`: what the topics carry, into a file."""
import base64
import collections
import json
import os
import signal
import subprocess

from harness import kafka, paths, ports
from harness.host import environment, read_json_lines
from harness.process import Process
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE, SMALLEST_PIPE, is_full

COUNT = 6_000
PARTITIONS = 3


def content(line, name):
    """The bytes of a recorded key or payload; None when it has none."""
    if f"{name}_base64" in line:
        return base64.b64decode(line[f"{name}_base64"], validate=True)
    return None if line[name] is None else line[name].encode()


def identity(line):
    return line["topic"], line["partition"], line["offset"]


def by_part(lines):
    parts = collections.defaultdict(list)
    for line in lines:
        parts[line["topic"], line["partition"]].append(line["offset"])
    return dict(parts)


class Record(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(PARTITIONS, "odd:1", "growing:2", "large:2", "followed:2",
                               "moving:1")
        cls.tally = cls.kafka.produce(COUNT, partitions=PARTITIONS)

    def take5(self, *arguments, code=0):
        done = subprocess.run([paths.HOST, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, env=environment(), cwd=self.directory,
                              timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done

    def record(self, *arguments, code=0):
        return self.take5("record", "--brokers", self.kafka.servers, *arguments, code=code)

    def recorded(self, *arguments):
        self.record("-o", self.path("out"), *arguments)
        return read_json_lines(self.path("out"))

    def assert_whole(self, lines, count):
        """`count` messages, each partition from 0 on without gap or repeat."""
        self.assertEqual(len(lines), count)
        for part, offsets in by_part(lines).items():
            self.assertEqual(offsets, list(range(len(offsets))), part)

    # ---- what comes ----

    def test_all_that_kcat_sees_in_kcats_form(self):
        lines = self.recorded()
        expected = {identity(line): line for role in kafka.ROLES for line in self.kafka.read(role)}
        self.assert_whole(lines, COUNT)
        self.assertEqual(len(expected), COUNT)
        for line in lines:
            other = expected[identity(line)]
            for name in ("ts", "key", "payload"):
                self.assertEqual(line[name], other[name])

    def test_partitions_are_merged_by_time(self):
        lines = self.recorded()
        times = [line["ts"] for line in lines]
        self.assertEqual(times, sorted(times))
        firsts = {identity(line)[:2] for line in lines[:COUNT // 4]}
        self.assertEqual(len(firsts), 3 * PARTITIONS, "one partition came after the other")

    def test_stdout_gets_the_same_lines(self):
        lines = self.recorded("--topic", "bar_trends")
        out = self.record("--topic", "bar_trends").stdout.decode()
        self.assertEqual([json.loads(line) for line in out.splitlines()], lines)
        self.assertEqual(set(line["topic"] for line in lines), {"bar_trends"})

    def start_onto_a_pipe(self):
        process = subprocess.Popen(
            [paths.HOST, "record", "-q", "--brokers", self.kafka.servers], env=environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pipesize=SMALLEST_PIPE)
        self.addCleanup(process.kill)
        self.wait_for("a full pipe", lambda: is_full(process.stdout))
        return process

    def test_a_reader_that_has_enough_ends_it_without_a_word(self):
        process = self.start_onto_a_pipe()
        process.stdout.close()
        self.assertEqual(process.wait(60 * PATIENCE), 0)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_one_interrupt_is_enough_also_when_nobody_reads(self):
        process = self.start_onto_a_pipe()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60 * PATIENCE), 1)
        self.assertEqual(process.communicate()[1], b"take5: interrupted\n")

    def test_every_byte_is_kept(self):
        payloads = [b"{}", b"\xff\xfe no utf-8", b"quote \" backslash \\ tab \t line \n",
                    "\N{SNOWMAN} \U0001f600".encode(), b"\x03\x1f\x7f", b"\xc3\x28 \xed\xa0\x80"]
        for payload in payloads:
            self.kafka.send("odd", payload, key=b"\xffkey" if payload == b"{}" else "key")
        subprocess.run(["kcat", "-b", self.kafka.servers, "-P", "-t", "odd", "-Z", "-K", ":"],
                       input=b"gone:\n", check=True, timeout=60 * PATIENCE)
        lines = self.recorded("--topic", "odd")
        self.assertEqual([content(line, "payload") for line in lines], [*payloads, None])
        self.assertEqual([content(line, "key") for line in lines],
                         [b"\xffkey", *[b"key"] * 5, b"gone"])
        self.assertIn("payload_base64", lines[1])
        self.assertNotIn("payload_base64", lines[3])

    # ---- bounds ----

    def test_a_range_of_time_has_what_lies_in_it(self):
        everything = self.recorded()
        times = sorted({line["ts"] for line in everything})
        low, high = times[len(times) // 3], times[2 * len(times) // 3]
        expected = {identity(line) for line in everything if low <= line["ts"] < high}
        self.assertTrue(0 < len(expected) < COUNT)
        self.record("-o", self.path("part"), "--from", str(low), "--until", str(high))
        lines = read_json_lines(self.path("part"))
        self.assertEqual({identity(line) for line in lines}, expected)
        self.assertEqual(len(lines), len(expected))

    def test_a_range_in_the_future_is_empty(self):
        self.assertEqual(self.recorded("--from", "2100-01-01T00:00:00Z"), [])

    def test_a_count_ends_it_and_the_next_run_goes_on(self):
        lines = []
        for turn in range(1, 4):
            lines = self.recorded("--count", "700")
            self.assertEqual(len(lines), 700 * turn)
        self.assert_whole(lines, 2100)

    # ---- going on ----

    def test_a_file_is_gone_on_with_without_gap_or_repeat(self):
        self.kafka.produce(500, topics="growing", partitions=2)
        self.assert_whole(self.recorded("--topic", "growing"), 500)
        self.assert_whole(self.recorded("--topic", "growing"), 500)
        self.kafka.produce(300, topics="growing", partitions=2)
        self.assert_whole(self.recorded("--topic", "growing"), 800)
        # A crash may leave a line in part.
        with open(self.path("out"), "r+b") as file:
            file.truncate(os.path.getsize(self.path("out")) - 40)
        self.assert_whole(self.recorded("--topic", "growing"), 800)

    def test_a_packed_file_is_gone_on_with_too(self):
        good = os.path.join(paths.BUILD, "tests", "plugins", "good_v1.so")
        for ending, magic in ((".gz", b"\x1f\x8b"), (".zst", b"\x28\xb5\x2f\xfd")):
            file = self.path("out" + ending)
            for count in ("2000", "1000"):
                self.record("-o", file, "--count", count)
            with open(file, "r+b") as packed:
                self.assertTrue(packed.read().startswith(magic))
                packed.truncate(os.path.getsize(file) - 40)
            self.record("-o", file)
            summary = json.loads(self.take5("replay", "--json", "-o", "/dev/null", good,
                                            file).stdout)
            self.assertEqual((summary["lines"], summary["messages"]), (COUNT, COUNT))

    def test_killed_at_any_time_it_goes_on(self):
        count = 60_000
        self.kafka.produce(count, topics="large", partitions=2)
        kills = 0
        for size in (1, 4_000_000, 12_000_000):
            process = Process([paths.HOST, "record", "--brokers", self.kafka.servers, "--topic",
                               "large", "-o", self.path("out")], self.path("log"),
                              environment=environment())
            self.wait_for("the file to grow", lambda: not process.is_running() or (
                os.path.exists(self.path("out")) and os.path.getsize(self.path("out")) >= size))
            kills += process.is_running()
            process.kill()
        self.assertGreater(kills, 0, "it was never killed in its work")
        self.assert_whole(self.recorded("--topic", "large"), count)

    def test_it_follows_until_it_is_told_to_stop(self):
        self.kafka.produce(200, topics="followed", partitions=2)
        process = Process([paths.HOST, "record", "--brokers", self.kafka.servers, "--topic",
                           "followed", "--follow", "-o", self.path("out")], self.path("log"),
                          environment=environment())
        self.wait_for("what is there", lambda: len(self.lines_so_far()) == 200)
        self.kafka.send("followed", b"{\"late\":1}", key="X", partition=0)
        self.wait_for("what came later", lambda: len(self.lines_so_far()) == 201)
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0)
        lines = read_json_lines(self.path("out"))
        self.assert_whole(lines, 201)
        self.assertEqual(lines[-1]["payload"], "{\"late\":1}")

    def test_a_file_that_is_removed_or_moved_while_it_follows_is_opened_anew(self):
        process = Process([paths.HOST, "record", "-q", "--brokers", self.kafka.servers, "--topic",
                           "moving", "--follow", "-o", self.path("out")], self.path("log"),
                          environment=environment())
        for number, leave in enumerate((os.remove, lambda path: os.rename(path, path + ".old"),
                                        lambda path: None)):
            payload = f'{{"number":{number}}}'
            self.kafka.send("moving", payload.encode(), key="X", partition=0)
            self.wait_for(payload, lambda text=payload: any(
                json.loads(line)["payload"] == text for line in self.lines_so_far()))
            leave(self.path("out"))
            self.wait_for("a file", lambda: os.path.exists(self.path("out")))
        process.signal(signal.SIGINT)
        self.assertEqual(process.wait(), 0)
        self.assertEqual([line["offset"] for line in read_json_lines(self.path("out.old"))], [1])
        self.assertEqual([line["offset"] for line in read_json_lines(self.path("out"))], [2])
        with open(self.path("log"), encoding="utf-8") as file:
            self.assertEqual(file.read().count("moved or removed: reopened"), 2)

    def lines_so_far(self):
        if not os.path.exists(self.path("out")):
            return []
        with open(self.path("out"), "rb") as file:
            return file.read().splitlines()

    # ---- manners ----

    def test_it_joins_no_group_and_commits_nothing(self):
        self.record("-s", "kafka.group.id=recorder", "-o", self.path("out"))
        committed = self.kafka.committed("recorder", self.tally["partitions"])
        for partitions in committed.values():
            self.assertEqual(set(partitions.values()), {None})

    def test_another_file_is_left_as_it_is(self):
        with open(self.path("out"), "w", encoding="utf-8") as file:
            file.write("notes of mine\n")
        done = self.record("-o", self.path("out"), code=1)
        self.assertIn(b"out:1", done.stderr)
        with open(self.path("out"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "notes of mine\n")

    def test_what_cannot_be_recorded_is_said(self):
        done = self.record("--topic", "no_such_topic", "-o", self.path("out"), code=1)
        self.assertIn(b"no_such_topic", done.stderr)
        (port,) = ports.free_ports(1)
        done = self.take5("record", "--brokers", f"127.0.0.1:{port}", code=1)
        self.assertIn(b"brokers", done.stderr)
        self.assertEqual(done.stdout, b"")

    def test_a_file_of_another_topic_of_that_name_is_refused(self):
        with open(self.path("out"), "w", encoding="utf-8") as file:
            file.write('{"topic":"bar_trends","partition":0,"offset":1000000,"ts":1,"key":"A",'
                       '"payload":"{}"}\n')
        done = self.record("-o", self.path("out"), code=1)
        self.assertIn(b"another topic", done.stderr)

    def test_wrong_use_is_told(self):
        for arguments in (["--count", "0"], ["--from", "yesterday"], ["stray"], ["--nope"]):
            self.record(*arguments, code=2)


if __name__ == "__main__":
    main()
