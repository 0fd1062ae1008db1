#!/usr/bin/python3
"""New code while the messages flow."""
import concurrent.futures
import os
import re
import subprocess
import time

from harness import paths, records
from harness.scenario import Scenario, main

RELOADS, RATE, LANES = 200, 55_000, 1
if os.environ.get("TAKE5_VARIANT", "plain") != "plain":
    RELOADS, RATE, LANES = 20, 5_000, 2  # a sanitizer is slow, and two lanes can race


def build_recorder(number, folder):
    """A build of the recorder that differs from every other one; its version is 1.0.NUMBER."""
    target = os.path.join(folder, f"recorder-{number}.so")
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-D_GNU_SOURCE",
                    f"-DBUILD_NUMBER={number}", "-I", os.path.join(paths.SOURCE, "sdk/include"),
                    os.path.join(paths.SOURCE, "tests/plugins/recorder.c"), "-o", target],
                   check=True)
    return target


class ReloadUnderLoad(Scenario):
    def test_no_message_is_missed_or_seen_twice(self):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            builds = list(pool.map(lambda number: build_recorder(number, self.directory),
                                   range(1, RELOADS + 2)))
        self.kafka.create_roles(4)
        host = self.new_host(sections={"take5": {"lanes": LANES}})
        seen = self.path("seen")
        host.drop(builds[0], "recorder.so")
        host.deploy("recorder", file=seen, buffered="yes")
        host.start()
        producer = self.kafka.start_produce(1_000_000_000, partitions=4, symbols=1000, rate=RATE)
        self.wait_for("the first lines", lambda: records.count_lines(seen) > 10_000)

        start = time.monotonic()
        for number in range(2, RELOADS + 2):
            host.drop(builds[number - 1], "recorder.so")
            code, said = host.reload()
            self.assertEqual(code, 0, said)
            self.assertRegex(said, rf"recorder: replaced 1\.0\.{number - 1} (→|->) 1\.0\.{number}\b")
        took = time.monotonic() - start

        tally = producer.stop()
        self.kafka.wait_committed(host.group, tally["partitions"], 180)
        status = host.status()
        host.stop()

        per_second = tally["delivered"] / tally["seconds"]
        print(f"{RELOADS} reloads in {took:.1f} s, {tally['delivered']} messages at "
              f"{per_second:.0f}/s")
        lines = records.read(seen)
        versions = {line.version for line in lines}
        self.assertGreater(len(versions), RELOADS * 0.9, "most reloads met no message")
        records.check_exactly_once(self, lines, tally)
        records.check_counts_run_on(self, lines, tally)
        self.check_versions_only_rise(lines)

        # Each outcome stands in the log with the right versions, and nothing was suspended.
        replaced = [re.search(r"recorder: .*1\.0\.(\d+) .*1\.0\.(\d+)", line).groups()
                    for line in host.events("strategy.deployed")[1:]]
        self.assertEqual([(int(a), int(b)) for a, b in replaced],
                         [(n, n + 1) for n in range(1, RELOADS + 1)])
        for event in ("strategy.rejected", "strategy.suspended", "reload.failed"):
            self.assertEqual(host.events(event), [])
        strategy = next(s for s in status["strategies"] if s["name"] == "recorder")
        self.assertEqual(strategy["version"], f"1.0.{RELOADS + 1}")

    def check_versions_only_rise(self, lines):
        """Within a partition of a topic no older version comes after a newer one."""
        newest = {}
        for line in lines:
            number = int(line.version.rsplit(".", 1)[1])
            self.assertGreaterEqual(number, newest.get(line.partition, 0), line)
            newest[line.partition] = number


class RefusedLoad(Scenario):
    def test_one_partition_that_refuses_keeps_all_on_the_old_version(self):
        self.kafka.create_roles(4)
        host = self.new_host()
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        first = self.kafka.produce(4_000, partitions=4, symbols=40)
        self.kafka.wait_committed(host.group, first["partitions"])

        # It passes the rehearsal, and refuses in the host, on one of four.
        host.drop(os.path.join(paths.BUILD, "tests/plugins/as_good/refuse_load.so"), "good.so")
        host.deploy("good", partition=2, after_check="yes")
        code, said = host.reload()
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"good: rejected: .*partition 2.*state of version 1\.0\.0 is too old "
                               r"for me")

        second = self.kafka.produce(4_000, partitions=4, symbols=40, first=4_000)
        tally = records.add_tallies(first, second)
        self.kafka.wait_committed(host.group, tally["partitions"])
        strategy = next(s for s in host.status()["strategies"] if s["name"] == "good")
        self.assertEqual(strategy["version"], "1.0.0")
        self.assertEqual(strategy["state"], "running")
        host.stop()

        # Every symbol of every partition was counted on.
        counts = {}
        for signal in host.read_signals():
            symbol = signal["symbol"]
            counts[symbol] = counts.get(symbol, 0) + 1
            self.assertEqual(signal["value"], counts[symbol], signal)
        self.assertEqual(counts, tally["symbols"])


if __name__ == "__main__":
    main()
