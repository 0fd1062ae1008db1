#!/usr/bin/python3
"""The harness itself: a broker that works, producers that count right, a proxy that cuts."""
import json
import os
import signal
import subprocess
import sys

from harness import process, records
from harness.scenario import Scenario, main


class Harness(Scenario):
    WITH_PROXY = True

    def test_the_tally_is_what_lies_in_the_topics(self):
        self.kafka.create_roles(4)
        tally = self.kafka.produce(5_000, symbols=77, envelope="both", bad_every=100)
        self.assertEqual(tally["delivered"], 5_000)
        symbols, bad = {}, 0
        for topic, partitions in tally["partitions"].items():
            messages = self.kafka.read(topic)
            for partition, count in partitions.items():
                offsets = [m["offset"] for m in messages if m["partition"] == int(partition)]
                self.assertEqual(offsets, list(range(count)))
            for message in messages:
                try:
                    value = json.loads(message["payload"])
                except json.JSONDecodeError:
                    bad += 1
                    continue
                self.assertEqual(value["symbol"], message["key"])
                symbols[value["symbol"]] = symbols.get(value["symbol"], 0) + 1
        self.assertEqual(symbols, tally["symbols"])
        self.assertEqual(bad, 50)

    def test_a_producer_that_is_stopped_tells_what_it_delivered(self):
        self.kafka.create("stopped:2")
        producer = self.kafka.start_produce(10_000_000, topics="stopped", rate=2_000)
        subprocess.run(["kcat", "-b", self.kafka.servers, "-C", "-t", "stopped", "-c", "101"],
                       check=True, stdout=subprocess.DEVNULL, timeout=60)
        tally = producer.stop()
        self.assertEqual(tally["delivered"], len(self.kafka.read("stopped")))
        self.assertGreater(tally["delivered"], 100)

    def test_committed_offsets_are_told(self):
        self.kafka.create("committing:2")
        for _ in range(3):
            self.kafka.send("committing", "x", partition=1)
        subprocess.run(["kcat", "-b", self.kafka.servers, "-G", "harness", "-X",
                        "auto.offset.reset=earliest", "-e", "-q", "committing"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60)
        got = self.kafka.committed("harness", {"committing": {"0": 0, "1": 3}})
        self.assertEqual(got["committing"]["1"], 3)

    def test_a_cut_network_is_cut_and_a_repaired_one_works(self):
        def answers():
            return subprocess.run(["kcat", "-b", self.kafka.proxy_servers, "-L", "-m", "2"],
                                  capture_output=True, check=False).returncode == 0
        self.assertTrue(answers())
        self.proxy.cut()
        self.assertFalse(answers())
        self.proxy.repair()
        self.assertTrue(answers())

    def test_a_test_that_is_to_end_while_it_waits_takes_all_with_it(self):
        waits = ("import sys; from harness.process import Process;"
                 "started = Process(['sleep', '1000'], sys.argv[1]);"
                 "print(started.pid, flush=True);"
                 "started._child.wait()")
        with subprocess.Popen([sys.executable, "-B", "-c", waits, self.path("log")],
                              cwd=os.path.dirname(os.path.abspath(__file__)),
                              stdout=subprocess.PIPE, text=True) as test:
            started = int(test.stdout.readline())
            test.terminate()
            self.assertEqual(test.wait(60), 128 + signal.SIGTERM)
        self.assertFalse(process.is_alive(started))

    def test_judgements_see_what_is_wrong(self):
        tally = {"partitions": {"t": {"0": 3}}, "symbols": {"A": 3}}

        def lines(*offsets):
            return [records.Record("t", 0, o, "A", "1", i + 1) for i, o in enumerate(offsets)]

        records.check_exactly_once(self, lines(0, 1, 2), tally)
        records.check_all_seen(self, lines(0, 1, 1, 2), tally)
        records.check_in_order(self, lines(0, 2))
        records.check_counts_run_on(self, lines(0, 1, 2), tally)
        for judge, wrong in ((records.check_exactly_once, lines(0, 2)),
                             (records.check_exactly_once, lines(0, 1, 1, 2)),
                             (records.check_exactly_once, lines(0, 2, 1)),
                             (records.check_all_seen, lines(0, 1)),
                             (records.check_counts_run_on, lines(0, 1))):
            with self.assertRaises(AssertionError):
                judge(self, wrong, tally)
        with self.assertRaises(AssertionError):
            records.check_in_order(self, lines(0, 1, 1))
        with self.assertRaises(AssertionError):
            records.check_counts_run_on(self, lines(0, 1, 2)[1:])


if __name__ == "__main__":
    main()
