#!/usr/bin/python3
"""One allocation fails: there is an error and a non-zero code, or all is as if it had not.

A first run tells where the program allocates: each call stack is a site. Then each site fails at
its first time and at its last, and, in a command that goes on after its first time, at every time.
What libraries allocate is left alone.
"""
import collections
import concurrent.futures
import itertools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from harness import paths, records
from harness.allocation import Ledger, where
from harness.host import environment
from harness.kafka import ROLES
from harness.process import Process
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE

LIBRARY = os.path.join(os.environ["TAKE5_BUILD_DIR"], "tests", "integration", "libfail_allocation.so")
AT_ONCE = 6  # most of the time is waiting
SECONDS = 30 * PATIENCE
SAID = re.compile(r" (CRITICAL|ERROR) |^take5: |^/\S+: |out of memory", re.M)


class Allocation(Scenario):
    tried = set()  # sites: what several do, such as reading the configuration, is tried once

    def judge(self, found, sites):
        """`found`: [(site, number, verdict or None)], all of them what is wrong."""
        bad = [f"{verdict}: allocation {number} of {sites[site][0]} at "
               f"{where(paths.HOST, sites[site][1])}" for site, number, verdict in found if verdict]
        self.assertEqual(bad, [], f"{len(bad)} of {len(found)}:\n" + "\n".join(bad[:40]))

    def sweep(self, run, sites, at_once=AT_ONCE):
        """run(site, number) gives what is wrong or None, whether an allocation failed, and whether
        all of them are worth a try: the one that failed did not end it. Number 0 is all."""
        new = [site for site in sites if site not in self.tried]
        self.tried.update(sites)
        failed = []

        def every(site):
            found = []
            does_go_on = False
            for number in sorted({1, sites[site][0]}):
                verdict, did_fail, does_go_on_here = run(site, number)
                found.append((site, number, verdict))
                failed.append(did_fail)
                does_go_on = does_go_on or (number == 1 and does_go_on_here)
            if does_go_on:
                verdict, did_fail, _ = run(site, 0)
                found.append((site, 0, verdict))
                failed.append(did_fail)
            return found

        with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
            found = list(itertools.chain.from_iterable(pool.map(every, new)))
        self.judge(found, sites)
        print(f"{len(sites)} sites, {len(found)} runs, {sum(failed)} with a failed allocation")
        self.assertGreater(sum(failed), len(found) * 0.8, "too few really failed")

    # ---- a command that ends by itself ----

    def command(self, arguments, site=0, number=0):
        """(code, what it gave, stderr, sites, how many failed). "@" is a directory of its own."""
        folder = tempfile.mkdtemp(dir=self.directory)
        ledger = Ledger(os.path.join(self.directory, os.path.basename(folder) + ".ledger"), LIBRARY,
                        arguments[0])
        ledger.arm(site, number)
        try:
            done = subprocess.run(
                [paths.HOST, *(a.replace("@", folder) for a in arguments)], capture_output=True,
                stdin=subprocess.DEVNULL, env=ledger.environment(environment()), timeout=SECONDS,
                check=False)
            given = {name: pathlib.Path(folder, name).read_bytes() for name in os.listdir(folder)}
            return (done.returncode, (done.stdout, given), done.stderr,
                    {} if site else ledger.sites(), ledger.failed)
        except subprocess.TimeoutExpired:
            return "hang", None, b"", {}, ledger.failed
        finally:
            ledger.close()
            shutil.rmtree(folder)

    def sweep_command(self, *arguments):
        code, wanted, said, sites, _ = self.command(arguments)
        self.assertEqual(code, 0, said)

        def run(site, number):
            code, given, said, _, failed = self.command(arguments, site, number)
            verdict = None
            if code == "hang" or code < 0 or code >= 128:
                verdict = f"ended with {code}"
            elif code > 0 and not said.strip():
                verdict = "failed without a word"
            elif code == 0 and given != wanted:
                verdict = "0 with other output"
            return verdict, failed > 0, code == 0

        self.sweep(run, sites)

    def strategies(self, **builds):
        folder = self.path("strategies")
        os.makedirs(folder, exist_ok=True)
        for name, build in builds.items():
            shutil.copy(paths.strategy(build), os.path.join(folder, f"{name}.so"))
            os.chmod(os.path.join(folder, f"{name}.so"), 0o755)
        return folder

    def ini(self, **keys):
        path = self.path("take5.ini")
        with open(path, "w", encoding="utf-8") as file:
            file.write("[take5]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))
            file.write("[http]\nenabled = no\n[strategy:good]\nevery = 3\nsymbols = QQQ, SPY, AAPL\n"
                       "time_frames = 60, 300\n")
        return path

    def test_replay(self):
        feed = self.path("feed")
        with open(feed, "wb") as file:
            subprocess.run([paths.HOST, "feed", "-q", "--count", "240", "--bad", "2%", "--symbols",
                            "12"], stdout=file, check=True)
        ini = self.ini(lanes=2, strategy_dir=self.strategies(good="good_v1", joiner="joiner"))
        self.sweep_command("replay", "-q", "-c", ini, feed)

    def test_replay_with_renewals(self):
        feed = self.path("feed")
        with open(feed, "wb") as file:
            subprocess.run([paths.HOST, "feed", "-q", "--count", "80", "--symbols", "5"],
                           stdout=file, check=True)
        ini = self.ini(strategy_dir=self.strategies(good="good_v1", joiner="joiner"))
        self.sweep_command("replay", "-q", "-c", ini, "--reload-every", "40", "-o", "@/out", feed)

    def test_report(self):
        feed = self.path("feed")
        with open(feed, "wb") as file:
            subprocess.run([paths.HOST, "feed", "-q", "--count", "80", "--symbols", "3"],
                           stdout=file, check=True)
        ini = self.ini(strategy_dir=self.strategies(good="good_v1", publishes="publishes",
                                                    sided="sided_value"))
        self.sweep_command("report", "-q", "-c", ini, "--most", "2", "-o", "@/page.html", feed)

    def test_commands_that_only_tell(self):
        folder = self.strategies(good="good_v1")
        ini = self.ini(strategy_dir=folder)
        for command in (["list", "-c", ini], ["list", "-c", ini, "--json"], ["check", "-c", ini],
                        ["inspect", os.path.join(folder, "good.so")],
                        ["feed", "-q", "--count", "30", "--bad", "10%"]):
            self.tried = set()  # each says what it has to say in its own way
            self.sweep_command(*command)

    # ---- the service ----

    def make_topics(self, partitions):
        """Of this test alone, one for each role; for the host's sections, and the producer's."""
        names = [f"{self.id().rsplit('.', 1)[-1]}.{role}" for role in ROLES]
        self.kafka.create(*(f"{name}:{partitions}" for name in names))
        self.topics = {f"topic:{role}": {"topic": name} for role, name in zip(ROLES, names)}
        return ",".join(names)

    def make_host(self, name, **sections):
        return self.new_host(name, group=f"{os.path.basename(self.directory)}-{name}", sections={
            "http": {"enabled": "yes", "port": 0}, **self.topics, **sections})

    def start(self, host, ledger):
        host.process = Process([paths.HOST, "run", "-c", host.ini], host.log,
                               environment=ledger.environment(environment()),
                               directory=host.directory)

    def serve(self, name, wanted=(), site=0, number=0):
        """From the start to a stop once all signals are there: (verdict, signals, sites, how many
        allocations failed)."""
        ledger = Ledger(self.path(f"{name}.ledger"), LIBRARY, "run")
        ledger.arm(site, number)
        host = self.make_host(name, **{"strategy:good": {"every": 1}})
        host.drop("good_v1", "good.so")
        self.start(host, ledger)
        until = time.monotonic() + SECONDS
        while host.process.is_running() and records.count_lines(host.signals) < self.signals:
            if time.monotonic() > until:
                break
            time.sleep(0.02)
        was_running = host.process.is_running()
        if was_running:
            host.process.signal(15)
        try:
            code = host.process.wait(SECONDS)
        except AssertionError:
            code = "hang"
        # Values depend on the order between topics, which is not given.
        given = sorted(signal["id"] for signal in host.read_signals())
        verdict = None
        if code == "hang" or code < 0 or code >= 128:
            verdict = f"ended with {code}"
        elif code == 0 and (not was_running or (wanted and given != wanted)):
            verdict = f"0 with {len(given)} of {self.signals} signals"
        elif code > 0 and not SAID.search(host.log_text()):
            verdict = f"{code} without a word"
        elif time.monotonic() > until:
            verdict = f"ran on with {len(given)} of {self.signals} signals"
        result = verdict, given, ({} if site else ledger.sites()), ledger.failed
        host.close()
        ledger.close()
        shutil.rmtree(host.directory)
        return result

    def test_start_and_assignment(self):
        self.signals = self.kafka.produce(96, topics=self.make_topics(4), partitions=4,
                                          symbols=5)["delivered"]
        verdict, wanted, sites, _ = self.serve("whole")
        self.assertIsNone(verdict)
        count = itertools.count()

        def run(site, number):
            verdict, _, _, failed = self.serve(f"start-{next(count)}", wanted, site, number)
            return verdict, failed > 0, False

        self.sweep(run, sites)

    def test_breakdown_during_a_stop(self):
        """The signal whose record in flight memory is short for is not sent, and its message comes
        again."""
        topics = self.make_topics(1)
        host = self.make_host("host", **{"strategy:good": {"every": 1}})
        host.drop("good_v1", "good.so")
        ledger = Ledger(self.path("ledger"), LIBRARY, "run")
        self.addCleanup(ledger.close)
        self.start(host, ledger)
        producer = self.kafka.start_produce(1_000_000_000, topics=topics, partitions=1, symbols=5,
                                            rate=20)
        self.wait_for("signals", lambda: records.count_lines(host.signals) > 5)
        site = next(site for site, (_, stack) in ledger.sites().items()
                    if where(paths.HOST, stack).startswith(("hold@", "offset_tracker_hold@")))
        host.stop()
        # From the first record in flight on: the next ones are in its memory.
        ledger = Ledger(self.path("second.ledger"), LIBRARY, "run")
        self.addCleanup(ledger.close)
        ledger.arm(site)
        self.start(host, ledger)
        self.wait_for("a failed allocation", lambda: ledger.failed > 0)
        host.process.signal(15)
        self.assertEqual(host.process.wait(SECONDS), 1)
        self.assertTrue(host.events("stop.incomplete"))
        ledger.arm(1 << 62)
        self.start(host, ledger)
        tally = producer.stop()
        self.kafka.wait_committed(host.group, tally["partitions"], 60)
        host.stop()
        self.assertEqual(len({signal["id"] for signal in host.read_signals()}), tally["delivered"])

    def test_reload(self):
        """One host, a reload for each allocation, and not one message too few or too many."""
        topics = self.make_topics(4)
        builds = ["recorder", "recorder_v2"]  # the one that runs, the next one
        seen = self.path("seen")
        host = self.make_host("host", take5={"lanes": 2},
                              **{"strategy:recorder": {"file": seen, "buffered": "yes"}})
        host.drop("recorder", "recorder.so")
        ledger = Ledger(self.path("ledger"), LIBRARY, "run")
        self.addCleanup(ledger.close)
        self.start(host, ledger)
        producer = self.kafka.start_produce(1_000_000_000, topics=topics, partitions=4, symbols=20,
                                            rate=300)
        self.wait_for("the first lines", lambda: records.count_lines(seen) > 100)
        outcomes = collections.Counter()

        def reload(site=0, number=0):
            host.drop(builds[1], "recorder.so")
            ledger.arm(site, number)
            code, said = host.reload()
            ledger.disarm()
            if "replaced" in said or "kept" in said:
                builds.reverse()
            outcomes[code] += ledger.failed > 0
            verdict = None if code == 0 or said.strip() else "refused without a word"
            return verdict, ledger.failed > 0, False

        reload()
        sites = ledger.sites()
        self.sweep(reload, sites, 1)
        print(f"reloads by exit code: {dict(outcomes)}")
        self.assertEqual(set(outcomes), {0, 1}, "some go on, some are refused")
        self.assertEqual(reload()[0], None)
        tally = producer.stop()
        self.kafka.wait_committed(host.group, tally["partitions"], 60)
        host.stop()
        lines = records.read(seen)
        records.check_exactly_once(self, lines, tally)
        records.check_counts_run_on(self, lines, tally)


if __name__ == "__main__":
    main()
