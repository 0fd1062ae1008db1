#!/usr/bin/python3
"""`take5 prove`: what a live host said is what its strategies give, and what is not is refuted.

The strategy `chain` (tests/plugins/chain.c) joins the topics, has timers by event time, and says with
every signal digests of all that it was handed before: one message that is lost, changed or in another
place shows in all signals after it.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess

from harness import chain, paths
from harness.chain import EVERY
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.host import environment
from harness.scenario import main
from harness.waiting import PATIENCE
from offline import Terminal

PROVEN, REFUTED, UNDECIDED = 0, 1, 2
SLOW = "200us" # a message: so that there is progress to show
BUILDS = os.path.dirname(paths.strategy("chain_1"))
SCRIPT = """
import take5


@take5.on("bar_trends")
def on_bar(m):
    take5.emit("said", value={value})
"""


class Prove(ChainScenario):
    # ---- the command ----

    def prove(self, host, *arguments, code, also=None):
        done = subprocess.run(
            [paths.HOST, "prove", "-c", host.ini, "--json", *map(str, arguments)],
            stdin=subprocess.DEVNULL, capture_output=True, env=environment(), check=False,
            cwd=self.directory, timeout=120 * PATIENCE)
        self.assertIn(done.returncode, (code, also), (done.stderr + done.stdout).decode()[-3000:])
        return json.loads(done.stdout)

    def proven(self, host, *arguments):
        found = self.prove(host, *arguments, code=PROVEN)
        self.assertEqual((found["verdict"], found["reasons"]), ("proven", []))
        self.assertGreater(found["same"], 0)
        return found

    def refuted(self, host, *arguments):
        found = self.prove(host, *arguments, code=REFUTED)
        self.assertEqual(found["verdict"], "refuted")
        self.assertIn("first", found)
        return found

    def undecided(self, host, *arguments, because):
        found = self.prove(host, *arguments, code=UNDECIDED)
        self.assertEqual(found["verdict"], "undecided")
        reasons = [reason["reason"] for reason in found["reasons"]]
        self.assertTrue(any(re.search(because, reason) for reason in reasons), reasons)
        return found

    @staticmethod
    def reasons(found):
        return "; ".join(reason["reason"] for reason in found["reasons"])

    # ---- hosts ----

    def strategy(self, host, name="chain"):
        return next(item for item in host.status()["strategies"] if item["name"] == name)

    def reload(self, host):
        mark = host.log_size()
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "1 replaced", start=mark)

    def begin(self, host):
        """It runs, and has a checkpoint of some state."""
        host.start()
        self.start_stream()
        self.wait_lines(host, RATE // EVERY // 2)
        self.take_checkpoint(host)

    def take_checkpoint(self, host):
        code, _, error = host.ctl("checkpoint")
        self.assertEqual(code, 0, error)

    def suspend_for_a_while(self, host, *skip):
        host.ctl("suspend", "chain")
        self.wait_for("messages to pass", lambda: self.strategy(host)["passed"] > 100)
        mark = host.log_size()
        self.assertEqual(host.ctl("resume", "chain", *skip)[0], 0)
        host.wait_event("strategy.resumed" if skip else "strategy.caught_up", start=mark)

    def live(self):
        """A host that has been reloaded, suspended, and killed, and recovered."""
        host = self.chain_host(checkpoint={"interval": "1h"})
        host.drop("momentum")
        host.deploy("momentum", window="1s", threshold="0.3")
        host.drop("slow_message")
        host.deploy("slow_message", takes="0s")
        self.begin(host)
        self.drop_build(host, 2)
        self.reload(host)
        self.wait_lines(host, RATE // EVERY // 2)
        self.suspend_for_a_while(host)
        self.wait_lines(host, RATE // EVERY // 2)
        self.kill(host)
        host.start()
        self.wait_lines(host, RATE // EVERY // 2)
        self.end_stream(host)
        self.kill(host)
        return host

    def assert_lived(self, host):
        """In the second half, which is in the window: timers fired, and each instance was handed
        every topic."""
        said = chain.read_said(host.signals)
        late = said[len(said) // 2:]
        self.assertGreater(max(item.data["timers"] for item in late),
                           max(item.data["timers"] for item in said[:len(said) // 4]))
        for number in range(PARTITIONS):
            handed = {topic for item in late if item.partition == number
                      for topic, _, to in item.seen() if to is None}
            self.assertEqual(handed, set(range(len(self.fed_topics()))), f"partition {number}")

    # ---- recordings ----

    def record(self, host, name):
        path = self.path(name)
        code, _, error = host.take5("record", "-q", "-c", host.ini, "-o", path)
        self.assertEqual(code, 0, error)
        return path

    def changed(self, recording, change):
        """A copy of it; `change` gets {(topic, partition, offset): line}."""
        with open(recording, encoding="utf-8") as file:
            lines = {(line["topic"], line["partition"], line["offset"]): line
                     for line in map(json.loads, file)}
        change(lines)
        path = self.path("changed")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines(json.dumps(line) + "\n" for line in lines.values())
        return path

    def middle(self, host):
        return next(self.middles(host))

    def middles(self, host):
        """[(topic, partition, offset)] of three messages that were processed one after the other,
        none of another topic between them; in the second half of all."""
        said = chain.final_chain(chain.read_said(host.signals), 0)
        seen = [entry for item in said for entry in item.seen()]
        topics = self.fed_topics()
        for i in range(len(seen) // 2, len(seen) - 2):
            if seen[i][0] == seen[i + 1][0] == seen[i + 2][0] and seen[i][1] % EVERY != 4:
                yield [(topics[topic], 0, offset) for topic, offset, _ in seen[i:i + 3]]
        self.fail("topics alternate message by message")

    # ---- scenarios ----

    def test_lived(self):
        """A join, event timers, a reload, a suspension, a crash; from the topics, and recorded. Then
        what must be refuted."""
        host = self.live()
        self.assert_lived(host)
        proof = self.path("proof.json")
        found = self.proven(host, "--strategies", BUILDS, "-o", proof)
        with open(proof, encoding="utf-8") as file:
            certificate = json.load(file)
        hashes = [{item["deployment"]: item["hash"] for item in note["deployments"]}
                  for note in certificate["strategies"]]
        self.assertNotEqual(hashes[0]["chain"], hashes[-1]["chain"], "no reload in the window")
        self.assertEqual(len(certificate["checkpoints"]), PARTITIONS)
        for item in (*certificate["checkpoints"], *certificate["messages"],
                     certificate["configuration"], certificate["signals"]):
            self.assertRegex(item["hash"], "^[0-9a-f]{32}$")
        self.assertGreater(found["repeated"], 0, "the crash had nothing in progress")
        recording = self.record(host, "recording")
        recorded = self.proven(host, "--strategies", BUILDS, "--recording", recording)
        self.assertEqual(recorded["same"], found["same"])
        self.guide(host)
        self.windows(host, recording)
        self.control_messages(host, recording)
        self.control_signals(host, recording)
        self.control_builds(host, recording)
        self.control_settings(host, recording)
        self.control_checkpoint(host, recording)

    def guide(self, host):
        """The commands of sdk/README.md, in the host's folder."""
        with open(os.path.join(paths.SOURCE, "sdk", "README.md"), encoding="utf-8") as file:
            section = file.read().split("## Prove\n")[1].split("\n## ")[0]
        commands = section.split("```sh\n")[1].split("```")[0]
        self.assertEqual(commands.count("take5 prove"), 3)
        os.makedirs(os.path.join(self.directory, "bin"))
        os.symlink(paths.HOST, os.path.join(self.directory, "bin", "take5"))
        with open(host.ini, encoding="utf-8") as file:
            self.assertNotIn("take5.ini", file.read())
        for build in ("chain_1", "chain_2"):  # as an author keeps them beside each other
            shutil.copy(paths.strategy(build), os.path.join(host.directory, "state", "good"))
        done = subprocess.run(
            ["sh", "-e"], input=commands.encode(), capture_output=True, check=False,
            env={**environment(), "PATH": f"{self.directory}/bin:{os.environ['PATH']}"},
            cwd=host.directory, timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, 0, (done.stderr + done.stdout).decode()[-3000:])
        self.assertEqual(done.stdout.count(b"proven: "), 2)
        for build in ("chain_1", "chain_2"):
            os.unlink(os.path.join(host.directory, "state", "good", f"{build}.so"))

    def windows(self, host, recording):
        with open(recording, encoding="utf-8") as file:
            times = sorted(line["ts"] for line in map(json.loads, file))
        given = ("--strategies", BUILDS, "--recording", recording)
        late = times[len(times) * 3 // 4]
        whole = self.proven(host, *given)
        part = self.proven(host, *given, "--from", late)
        self.assertLess(part["same"], whole["same"] // 2)
        first = self.proven(host, *given, "--to", late)
        self.assertEqual(first["same"] + part["same"], whole["same"])
        # The first checkpoint is that of the beginning; without it there is only a younger one.
        firsts = [os.path.join(host.directory, "state", "checkpoints", str(number), "1.checkpoint")
                  for number in range(PARTITIONS)]
        for path in firsts:
            os.rename(path, f"{path}.away")
        self.undecided(host, *given, "--from", times[0], because="lies behind --from")
        for path in firsts:
            os.rename(f"{path}.away", path)

    def control_messages(self, host, recording):
        given = ("--strategies", BUILDS, "--recording")
        before, dropped, after = self.middle(host)

        def swap(lines):
            for member in ("payload", "key"):
                lines[before][member], lines[dropped][member] = (lines[dropped][member],
                                                                lines[before][member])

        def flip(lines):
            payload = lines[dropped]["payload"]
            at = payload.index('"close":') + len('"close":')
            lines[dropped]["payload"] = payload[:at] + chr(ord(payload[at]) ^ 1) + payload[at + 1:]

        with self.subTest("a dropped message"):
            # At an end of a run of the journal it is missed for certain: that is no refutation.
            for _, one, _ in self.middles(host):
                found = self.prove(host, *given, self.changed(
                    recording, lambda lines, gone=one: lines.pop(gone)),
                                   code=REFUTED, also=UNDECIDED)
                if found["verdict"] == "refuted":
                    break
                self.assertRegex(found["reasons"][0]["reason"], "a hole")
        with self.subTest("two swapped messages"):
            self.refuted(host, *given, self.changed(recording, swap))
        with self.subTest("one flipped bit of a message"):
            found = self.refuted(host, *given, self.changed(recording, flip))
            first = json.loads(found["first"]["live"] or found["first"]["rerun"])
            self.assertEqual(first["partition"], 0)
            if first["topic"] == dropped[0]:
                self.assertGreaterEqual(first["offset"], dropped[2])
        with self.subTest("messages that the recording lacks for certain"):
            path = self.changed(recording, lambda lines: [
                lines.pop(key) for key in list(lines) if key[1] == 0 and key[2] >= after[2]])
            self.undecided(host, *given, path, because="a hole: .* the recording does not have it")

    def control_signals(self, host, recording):
        given = ("--strategies", BUILDS, "--recording", recording, "--signals")
        with open(host.signals, "rb") as file:
            lines = file.readlines()
        last = max(i for i, line in enumerate(lines) if b'"deployment":"chain"' in line)
        at = lines[last].index(b'"value":') + len(b'"value":')
        flipped = lines[last][:at] + bytes([lines[last][at] ^ 1]) + lines[last][at + 1:]
        for name, changed, counts in (
                ("one flipped bit", [*lines[:last], flipped, *lines[last + 1:]], (1, 0, 0)),
                ("a lost signal", [*lines[:last], *lines[last + 1:]], (0, 0, 1)),
                ("another one", [*lines, re.sub(rb'/\d+"', b'/77"', lines[last], 1)], (0, 1, 0))):
            with self.subTest(name):
                path = self.path("signals")
                with open(path, "wb") as file:
                    file.writelines(changed)
                found = self.refuted(host, *given, path)
                self.assertEqual(tuple(found[kind] for kind in (
                    "changed", "only_live", "only_rerun")), counts)

    @contextlib.contextmanager
    def no_copies(self, host):
        """The host's own ones of builds that ran are away, and of those the first one is at hand."""
        os.mkdir(self.path("first"))
        shutil.copy(paths.strategy("chain_1"), self.path("first"))
        folders = [os.path.join(host.directory, name) for name in ("state/good", "cache")]
        for folder in filter(os.path.isdir, folders):
            os.rename(folder, f"{folder}.away")
        yield
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
            if os.path.isdir(f"{folder}.away"):
                os.rename(f"{folder}.away", folder)

    def control_builds(self, host, recording):
        given = ("--recording", recording)
        with self.subTest("the build before the reload is gone"):
            self.undecided(host, *given, because="the build that ran has the hash [0-9a-f]{32} and "
                           "is gone; the one at hand has [0-9a-f]{32}")
        host.drop("chain_later", "chain.so")
        with self.subTest("another build, where the one that ran is gone"), self.no_copies(host):
            found = self.refuted(host, *given, "--strategies", self.path("first"))
            self.assertIn("which is gone", self.reasons(found))
        with self.subTest("another build beside the one that ran"):
            self.refuted(host, *given, "--strategies", BUILDS, "--as-given")
            self.proven(host, *given, "--strategies", BUILDS)
        host.drop("chain_1", "chain.so")
        with self.subTest("another build that says the same"):
            self.undecided(host, *given, "--strategies", BUILDS, "--as-given",
                           because="the build at hand has the hash .*, and the one that ran ")
        host.drop("chain_2", "chain.so")

    def control_settings(self, host, recording):
        given = ("--strategies", BUILDS, "--recording", recording)
        host.deploy("momentum", window="1s", threshold="0.4")
        with self.subTest("another parameter"):
            found = self.refuted(host, *given)
            self.assertIn("threshold is 0.4 in the configuration at hand, and 0.3 ran",
                          self.reasons(found))
            first = json.loads(found["first"]["live"] or found["first"]["rerun"])
            self.assertEqual(first["deployment"], "momentum")
        host.deploy("momentum", window="1s", threshold="0.3")
        host.deploy("slow_message", takes=SLOW)
        with self.subTest("another parameter that changes no signal"):
            found = self.undecided_on_terminal(host, *given)
            self.assertIn(f"takes is {SLOW} in the configuration at hand", self.reasons(found))
        host.deploy("slow_message", takes="0s")
        self.proven(host, *given)

    def undecided_on_terminal(self, host, *arguments):
        """Where it shows how far it is. With a strategy that takes its time there is some to show."""
        terminal = Terminal()
        self.addCleanup(terminal.close)
        process = subprocess.Popen(
            [paths.HOST, "prove", "-c", host.ini, "--json", *map(str, arguments)],
            cwd=self.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=terminal.theirs, env=environment())
        os.close(terminal.theirs)
        self.assertRegex(terminal.read(), r"comparing [\d ]+ signals, [\d ]+/s")
        said = process.communicate(timeout=60 * PATIENCE)[0]
        self.assertEqual(process.returncode, UNDECIDED, terminal.seen)
        return json.loads(said)

    def control_checkpoint(self, host, recording):
        given = ("--strategies", BUILDS, "--recording", recording)
        folder = os.path.join(host.directory, "state", "checkpoints", "0")
        first = f"{min(self.checkpoints(host))}"
        with self.subTest("one flipped bit of a checkpoint"):
            path = os.path.join(folder, f"{first}.checkpoint")
            with open(path, "r+b") as file:
                file.seek(os.path.getsize(path) // 2)
                byte = file.read(1)
                file.seek(-1, os.SEEK_CUR)
                file.write(bytes([byte[0] ^ 1]))
            self.undecided(host, *given, because="checkpoint is damaged")
        with self.subTest("no journal"):
            os.unlink(path)
            os.unlink(os.path.join(folder, f"{self.checkpoints(host)[0]}.journal"))
            self.undecided(host, *given, because="journal .* is missing")

    def test_what_is_skipped_cannot_be_decided(self):
        host = self.chain_host(checkpoint={"interval": "1h"})
        self.begin(host)
        self.suspend_for_a_while(host, "--skip")
        self.wait_lines(host, 20)
        self.end_stream(host)
        host.stop()
        self.undecided(host, because="it got a GAP event")

    def test_what_came_besides_cannot_be_decided(self):
        """A wall-clock timer of one strategy; the others are done again all the same."""
        host = self.chain_host(checkpoint={"interval": "1h"})
        host.drop("redriven")
        host.deploy("redriven")
        self.begin(host)
        self.kafka.send(self.topics["bar_trends"], '{"symbol":"X","price":7}', key="X", partition=0)
        self.wait_lines(host, RATE // EVERY // 2)
        tally = self.producer.stop()
        tally["partitions"][self.topics["bar_trends"]]["0"] += 1
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        host.stop()
        found = self.undecided(host, because="besides its messages it had a wall-clock timer")
        self.assertEqual({reason["deployment"] for reason in found["reasons"]}, {"redriven"})
        self.assertGreater(found["same"], 0)

    def test_restarted_with_another_build(self):
        host = self.chain_host(checkpoint={"interval": "1h"})
        self.begin(host)
        self.undecided(host, "-s", "checkpoint.store=kafka", because="store = kafka keeps")
        self.kill(host)
        self.drop_build(host, 2)
        host.start()
        self.wait_lines(host, RATE // EVERY // 2)
        self.end_stream(host)
        self.kill(host)
        self.undecided(host, "--strategies", BUILDS, because="the host restarted at .* with "
                       "another build")
        shutil.rmtree(os.path.join(host.directory, "state", "checkpoints"))
        self.undecided(host, because="has no checkpoints")

    def test_files_among_the_settings_are_known_by_content(self):
        """One that a strategy in C reads, and a script; both change between two loads."""
        host = self.chain_host(checkpoint={"interval": "1h"})
        files = {name: os.path.join(host.deployments, name) for name in ("table", "script.py")}
        host.drop("reads_file")
        host.drop("python")
        self.write(files["table"], "1")
        self.write(files["script.py"], SCRIPT.format(value=1))
        host.deploy("reads_file", table=files["table"])
        host.deploy("script", plugin="python", worker="main", file=files["script.py"])
        self.begin(host)
        found = self.undecided(host, because="it is GLOBAL")  # as scripts are
        self.assertNotIn("content", self.reasons(found))
        self.write(files["table"], "2")
        self.write(files["script.py"], SCRIPT.format(value=2))
        self.kill(host)  # a script needs a new process
        host.start()
        self.wait_lines(host, RATE // EVERY // 2)
        self.end_stream(host)
        self.kill(host)
        with self.subTest("what ran first is gone"):
            found = self.undecided(host, because="the content of table that ran has the hash "
                                   "[0-9a-f]{32} and is gone; .*/table has [0-9a-f]{32} now")
            self.assertRegex(self.reasons(found), "the content of file that ran has the hash "
                             r"[0-9a-f]{32} and is gone; .*/script\.py has [0-9a-f]{32} now")
            self.assertEqual({reason["deployment"] for reason in found["reasons"]},
                             {"reads_file", "script"})
        with self.subTest("there is no file"):
            os.unlink(files["table"])
            os.unlink(files["script.py"])
            found = self.undecided(host, because="the content of table that ran has the hash "
                                   "[0-9a-f]{32} and is gone; .*/table has none now")
            self.assertRegex(self.reasons(found), r"is gone; .*/script\.py has none now")

    @staticmethod
    def write(path, text):
        """By rename, as an editor saves it."""
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def test_signals_of_the_topic(self):
        """While the host runs, by its own topics alone."""
        signals = f"{self.name}.signals"
        self.kafka.create(f"{signals}:1")
        host = self.chain_host(checkpoint={"interval": "1h"}, signals={"sinks": "kafka, jsonl"},
                               **{"sink:kafka": {"topic": signals}})
        self.begin(host)
        self.wait_lines(host, RATE // EVERY // 2)
        self.end_stream(host)
        by_file = self.proven(host)
        by_topic = self.proven(host, "-s", "signals.sinks=kafka")
        self.assertEqual(by_topic["same"], by_file["same"])
        host.stop()


if __name__ == "__main__":
    main()
