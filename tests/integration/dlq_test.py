#!/usr/bin/python3
"""Dead letters: listed, shown, and sent once more, from a file and from a topic."""
import json
import os
import subprocess

from harness import paths
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE

PAYLOADS = ('not JSON', '{"price": 1}', b'\xff\xfe bytes', '{"symbol":"A","price":NaN', '[1, 2]')


class Letters(Scenario):
    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[-1]
        self.source = f"{name}.source"
        self.target = f"{name}.target"
        self.kafka.create(f"{self.source}:2", f"{name}.b:2", f"{name}.c:2", f"{self.target}:2",
                          f"{name}.letters:2")
        self.topics = {"topic:bar_trends": {"topic": self.source},
                       "topic:historic_stats": {"topic": f"{name}.b"},
                       "topic:asset_trends": {"topic": f"{name}.c"}}
        self.letters_topic = f"{name}.letters"

    def make_letters(self, **letters):
        """A host that makes a letter of each of PAYLOADS, and one that a strategy rejects."""
        sections = dict(self.topics)
        if letters:
            sections["dead_letters"] = letters
        host = self.new_host(sections=sections)
        host.drop("reject_message")
        host.start()
        for payload in PAYLOADS:
            self.kafka.send(self.source, payload, partition=1, headers=[("trace", "abc")],
                            key=None if payload == '{"price": 1}' else "K")
        self.kafka.send(self.source, '{"symbol":"A","price":1}', key="A", partition=0)
        self.kafka.wait_committed(host.group, {self.source: {"0": 1, "1": len(PAYLOADS)}})
        host.stop()
        return host

    def messages(self, topic):
        """All that the topic holds, byte by byte: key and payload may be no UTF-8."""
        form = "%p\x01%o\x01%T\x01%h\x01%K\x01%k\x01%S\x01%s\x02"
        done = subprocess.run(["kcat", "-b", self.kafka.servers, "-C", "-t", topic, "-e", "-q",
                               "-o", "beginning", "-f", form], check=True, stdout=subprocess.PIPE,
                              timeout=60 * PATIENCE)
        result = []
        for line in done.stdout.split(b"\x02")[:-1]:
            partition, offset, time, headers, key_size, key, size, payload = line.split(b"\x01")
            result.append({
                "partition": int(partition), "offset": int(offset), "ts": int(time),
                "headers": [tuple(h.split("=", 1)) for h in headers.decode().split(",") if h],
                "key": key if int(key_size) >= 0 else None,
                "payload": payload if int(size) >= 0 else None})
        return result

    def dlq(self, host, *arguments, code=0):
        got, out, err = host.take5("dlq", "-c", host.ini, *arguments)
        self.assertEqual(got, code, out + err)
        return out, err

    def redrive(self, host, *arguments, code=0):
        return self.dlq(host, "redrive", "--brokers", self.kafka.servers, "--to-topic",
                        self.target, *arguments, code=code)

    def check_all(self, host):
        rows = [json.loads(line) for line in self.dlq(host, "list", "--json")[0].splitlines()]
        self.assertEqual(len(rows), len(PAYLOADS) + 1)
        by_offset = {(row["partition"], row["offset"]): row for row in rows}
        self.assertEqual(set(by_offset), {(1, i) for i in range(len(PAYLOADS))} | {(0, 0)})
        self.assertEqual(by_offset[1, 0]["reason"], "not-json")
        self.assertEqual(by_offset[1, 1]["reason"], "no-symbol")
        self.assertEqual(by_offset[0, 0]["strategy"], "reject_message")

        table, err = self.dlq(host, "list", "--reason", "not-json")
        self.assertIn(f"{self.source}/1/0", table)
        self.assertNotIn(f"{self.source}/1/1 ", table)
        self.assertIn("letters", err)
        only = self.dlq(host, "list", "--json", "--strategy", "reject_message")[0].splitlines()
        self.assertEqual(len(only), 1)
        self.assertEqual(self.dlq(host, "list", "--json", "--since", "1h")[0].count("\n"),
                         len(rows))
        self.assertEqual(self.dlq(host, "list", "--json", "--since", "2100-01-01T00:00:00Z")[0], "")
        self.assertEqual(self.dlq(host, "list", "--json", "--from", "elsewhere")[0], "")

        shown, _ = self.dlq(host, "show", f"{self.source}/1/2")
        self.assertIn("header     trace = abc\n", shown)
        self.assertIn("key        K\n", shown)
        self.assertIn("\\xff\\xfe bytes", shown)
        self.dlq(host, "show", f"{self.source}/1/77", code=1)
        self.dlq(host, "show", "nonsense", code=2)

    def check_redrive(self, host):
        out, _ = self.redrive(host, "--dry-run")
        self.assertIn(f"{len(PAYLOADS) + 1} dead letters would be sent to", out)
        self.assertEqual(self.messages(self.target), [])
        out, _ = self.redrive(host, "--reason", "not-json")
        first = len(self.messages(self.target))
        self.assertIn(f"{first} dead letters sent to {self.target}, 0 skipped", out)
        self.assertGreater(first, 0)
        out, _ = self.redrive(host)
        self.assertIn(f"{len(PAYLOADS) + 1 - first} dead letters sent to {self.target}, "
                      f"{first} skipped", out)
        out, _ = self.redrive(host)
        self.assertIn(f"0 dead letters sent to {self.target}, {len(PAYLOADS) + 1} skipped", out)

        for message in self.messages(self.target):
            names = [name for name, _ in message["headers"]]
            self.assertFalse([name for name in names if name.startswith("__take5.errors.")])
        originals = {(m["partition"], m["offset"]): m for m in self.messages(self.source)}
        sent = {dict(m["headers"])["take5-redrive"]: m for m in self.messages(self.target)}
        self.assertEqual(len(sent), len(PAYLOADS) + 1)
        for (partition, offset), original in originals.items():
            copy = sent[f"{self.source}/{partition}/{offset}"]
            self.assertEqual((copy["key"], copy["payload"], copy["ts"]),
                             (original["key"], original["payload"], original["ts"]))
            self.assertEqual(copy["headers"][:len(original["headers"])], original["headers"])

    def test_from_a_file(self):
        host = self.make_letters()
        self.check_all(host)
        self.check_redrive(host)
        # A line that is cut short is not read; one that is no letter is told.
        with open(host.letters, "a", encoding="utf-8") as file:
            file.write('{"no": "letter"}\n{"topic":"x","partition":0,"off')
        _, err = self.dlq(host, "list", code=1)
        self.assertIn("1 entry is not a dead letter", err)

    def test_from_a_topic(self):
        host = self.make_letters(to="kafka", topic=self.letters_topic)
        self.check_all(host)
        self.check_redrive(host)

    # ---- straight through a strategy ----

    def through(self, host, *arguments, code=0, name="good"):
        return self.dlq(host, "redrive", "--through", name, *arguments, code=code)

    def own_signals(self, host, name="good"):
        return [s["id"] for s in host.read_signals() if s["deployment"] == name]

    def start_rejecting(self, letters):
        """A host whose `good` has rejected three messages, one of which stands on the other
        partition, and which has a letter of a bad message."""
        sections = dict(self.topics, **{"strategy:good": {"every": 1}})
        if letters:
            sections["dead_letters"] = letters
        host = self.new_host(sections=sections)
        host.drop(paths.strategy("as_good/reject_message"), "good.so")
        host.start()
        for symbol, partition in (("A", 1), ("B", 1), ("C", 0)):
            self.kafka.send(self.source, json.dumps({"symbol": symbol, "price": 1}), key=symbol,
                            partition=partition)
        self.kafka.send(self.source, "not JSON", key="K", partition=1)
        self.kafka.wait_committed(host.group, {self.source: {"0": 1, "1": 3}})
        return host

    def repair(self, host):
        host.drop("good_v1", "good.so")
        code, out, err = host.ctl("reload")
        self.assertEqual(code, 0, out + err)

    def check_through(self, letters=None):
        host = self.start_rejecting(letters)
        # Nobody has repaired it yet.
        out, err = self.through(host, "--reason", "rejected", code=1)
        self.assertIn("0 dead letters redriven to good, 0 skipped", out)
        self.assertIn("3 dead letters rejected again: fix the strategy", err)
        self.assertIn("not a bar that I know", err)
        # What a dry run promises is what the host would do, and it does nothing.
        out, err = self.through(host, "--dry-run", code=1)
        self.assertIn("3 dead letters would be redriven to good, 0 skipped", out)
        self.assertIn("1 dead letter still invalid", err)
        self.assertEqual(host.read_signals(), [])
        self.assertEqual(host.status()["totals"]["redriven"], 0)

        self.repair(host)
        out, err = self.through(host, code=1)
        self.assertIn("3 dead letters redriven to good, 0 skipped", out)
        self.assertIn("1 dead letter still invalid. The first: "
                      f"{self.source}/1/2: not-json: byte ", err)
        ids = {f"good/{self.source}/{place}/0" for place in ("1/0", "1/1", "0/0")}
        # The host has confirmed them, so they are in the file.
        self.assertEqual(sorted(self.own_signals(host)), sorted(ids))

        out, _ = self.through(host, "--reason", "rejected")
        self.assertIn("0 dead letters redriven to good, 3 skipped: already redriven", out)
        self.assertEqual(sorted(self.own_signals(host)), sorted(ids))
        # No letter came of the letters, and the stream is where it was, and goes on.
        rows = self.dlq(host, "list", "--json")[0].splitlines()
        self.assertEqual(len(rows), 4)
        self.kafka.send(self.source, '{"symbol":"A","price":2}', key="A", partition=1)
        self.kafka.wait_committed(host.group, {self.source: {"0": 1, "1": 4}})
        self.wait_for("the stream's signal",
                      lambda: f"good/{self.source}/1/3/0" in self.own_signals(host))
        self.assertEqual(host.status()["totals"]["redriven"], 3)
        return host

    def test_through_a_repaired_strategy_from_a_file(self):
        host = self.check_through()
        # What it is told of who is not there, or not at work.
        for dry in ([], ["--dry-run"]):
            out, err = self.through(host, *dry, name="nobody", code=1)
            self.assertIn("0 dead letters ", out)
            self.assertIn('deployment "nobody" is not running', err)
        host.ctl("suspend", "good")
        out, err = self.through(host, "--reason", "not-json", "--dry-run", code=1)
        self.assertIn("0 dead letters would be redriven", out)
        self.assertIn("1 dead letter not delivered, the deployment is suspended", err)
        _, err = self.through(host, "--reason", "not-json", code=1)
        self.assertIn("1 dead letter not delivered, the deployment is suspended: "
                      "`take5 ctl resume` it", err)
        host.ctl("resume", "good")
        with open(host.letters, "a", encoding="utf-8") as file:
            file.write(json.dumps({"topic": self.source, "partition": 77, "offset": 0, "ts": 1,
                                   "key": "A", "payload": '{"symbol":"A","price":1}',
                                   "headers": [], "reason": "rejected", "message": "m",
                                   "strategy": "good"}) + "\n")
        _, err = self.through(host, "--reason", "rejected", code=1)
        self.assertIn("1 dead letter of partitions or topics that this host does not have", err)
        self.assertIn(f"{self.source}/77/0: partition 77 of {self.source} is not assigned to this "
                      "host", err)
        # A letter that another one rejected: `good` has seen that message.
        with open(host.letters, encoding="utf-8") as file:
            text = file.read()
        with open(host.letters, "w", encoding="utf-8") as file:
            file.write(text.replace('"strategy":"good"', '"strategy":"other"'))
        os.remove(host.letters + ".redriven")
        # The one that is left is of a partition that nobody has: no run would give it.
        out, err = self.through(host, "--reason", "rejected", "--dry-run", code=1)
        self.assertIn("0 dead letters would be redriven to good", out)
        self.assertIn("1 dead letter of partitions or topics", err)
        out, _ = self.through(host, "--strategy", "other", "--dry-run")
        self.assertIn("3 dead letters would be redriven to good", out)

    def test_through_a_repaired_strategy_from_a_topic(self):
        self.check_through({"to": "kafka", "topic": self.letters_topic})

    def test_through_without_a_host_says_what_to_do(self):
        host = self.new_host(sections=self.topics)
        with open(host.letters, "w", encoding="utf-8"):
            pass
        _, err = self.through(host, code=1)
        self.assertIn("no response from take5 at", err)
        self.assertIn("Start it: ", err)
        _, err = self.through(host, "--dry-run", code=1)
        self.assertIn("no response from take5 at", err)
        self.assertFalse(os.path.exists(host.letters + ".redriven"))
        self.through(host, "--to-topic", self.target, "--brokers", self.kafka.servers, code=2)

    def test_nothing_is_written_unless_it_is_said_where(self):
        host = self.new_host(sections=self.topics)
        with open(host.letters, "w", encoding="utf-8"):
            pass
        self.dlq(host, "redrive", code=2)
        self.dlq(host, "redrive", "--to-topic", self.target, code=2)
        self.dlq(host, "redrive", "--brokers", self.kafka.servers, code=2)
        self.dlq(host, "bury", code=2)
        self.assertFalse(os.path.exists(host.letters + ".redriven"))

    def test_without_letters_it_says_where_it_looked(self):
        host = self.new_host(sections=self.topics)
        _, err = self.dlq(host, "list", code=1)
        self.assertIn(host.letters, err)
        _, err = self.dlq(host, "list", "--topic", "nowhere", code=1)
        self.assertIn("nowhere", err)


if __name__ == "__main__":
    main()
