#!/usr/bin/python3
"""Each way in which dropping a strategy can go wrong: an exact error, and the old one goes on."""
import contextlib
import json
import os
import re
import resource
import signal

from harness import paths
from harness.ports import free_ports
from harness.scenario import Scenario, main


def as_good(name):
    """A plugin of tests/plugins built under the name of the good one."""
    return os.path.join(paths.BUILD, "tests/plugins/as_good", f"{name}.so")


class BadDrops(Scenario):
    """One host of two lanes, with `good` at work; each test spoils it in its way and looks whether
    `good` still counts."""

    def setUp(self):
        super().setUp()
        self.sent = 0
        name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{name}.{role}" for role in
                       ("bar_trends", "historic_stats", "asset_trends")}
        self.kafka.create(*(f"{topic}:4" for topic in self.topics.values()))
        self.host = self.new_host(sections={
            "take5": {"lanes": 2, "rehearsal_timeout": "3s"},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        self.good = self.host.drop("good_v1", "good.so")
        self.host.deploy("good", every=1)
        self.host.start()
        self.host.wait_status("an assignment", lambda status: len(status["assignment"]) == 12)
        self.counts()

    def counts(self):
        """Sends a message to one partition, and sees that the strategy counts on from what it
        knew: neither fresh nor dead."""
        self.sent += 1
        self.kafka.send(self.topics["bar_trends"], '{"symbol":"X","price":1}', key="X", partition=1)
        self.wait_for(lambda: f"signal {self.sent}; there are {self.host.read_signals()}; the log "
                      f"ends:\n{self.host.log_tail()}",
                      lambda: [s["value"] for s in self.host.read_signals()
                               if s["deployment"] == "good"] == list(range(1, self.sent + 1)))

    def strategy(self):
        return next(s for s in self.host.status()["strategies"] if s["name"] == "good")

    def refused(self, *patterns, code=1):
        """A reload that says each of the patterns, after which the old one counts on; and so with
        a good file in its place again."""
        got, said = self.host.reload()
        self.assertEqual(got, code, said)
        for pattern in patterns:
            self.assertRegex(said, pattern)
        self.assertEqual(self.strategy()["version"], "1.0.0")
        self.assertEqual(self.strategy()["state"], "running")
        self.counts()
        return said

    def repaired(self):
        self.host.drop("good_v1", "good.so")
        self.host.deploy("good", every=1)
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"good: kept")
        self.counts()

    # ---- files that are no strategy ----

    def write_good(self, data):
        """In place, as a careless copy does."""
        with open(self.good, "wb") as file:
            file.write(data)

    def read_good(self):
        with open(paths.strategy("good_v1"), "rb") as file:
            return file.read()

    def test_not_an_elf_file(self):
        self.write_good(b"#!/bin/sh\necho I am no strategy\n" * 100)
        self.refused(r"good\.so: not an ELF file: a strategy is a shared object")
        self.repaired()

    def test_an_empty_file(self):
        self.write_good(b"")
        self.refused(r"good\.so: (not an ELF file|.*empty)")
        self.repaired()

    def test_half_copied(self):
        data = self.read_good()
        self.write_good(data[:len(data) // 2])
        self.refused(r"good\.so: incomplete copy: its headers declare %d bytes, the file has %d"
                     % (len(data), len(data) // 2))
        self.repaired()

    def test_truncated_in_place_while_running(self):
        os.truncate(self.good, 100)
        for _ in range(3):
            self.counts()
        self.refused(r"good\.so: .*(incomplete copy|not an ELF|corrupt)")
        self.repaired()

    def test_overwritten_in_place_while_running(self):
        self.write_good(os.urandom(65536))
        for _ in range(3):
            self.counts()
        self.refused(r"good\.so: not an ELF file")
        # The same with another strategy's bytes, written over the file that was loaded.
        with open(as_good("crash_create"), "rb") as file:
            self.write_good(file.read())
        self.counts()
        self.host.deploy("good")
        self.refused(r"good: rejected: .*crash")
        self.repaired()

    def test_another_machines_elf(self):
        data = bytearray(self.read_good())
        data[18:20] = (183).to_bytes(2, "little")  # e_machine: AArch64
        self.write_good(data)
        self.refused(r"good\.so: built for .*(AArch64|ARM|machine 183).*, this host is "
                     r".*machine 62")
        self.repaired()

    def test_no_descriptor(self):
        self.host.drop(as_good("no_descriptor"), "good.so")
        self.refused(r"good\.so: not a strategy: it has no take5 note")
        self.repaired()

    # ---- versions of the ABI ----

    def test_newer_minor(self):
        self.host.drop(as_good("newer_minor"), "good.so")
        self.refused(r"good\.so: good 1\.0\.0 requires ABI 1\.99, this host has 1\.\d+: update the "
                     r"host, or build the strategy with")
        self.repaired()

    def test_other_major(self):
        self.host.drop(as_good("other_major"), "good.so")
        self.refused(r"good\.so: good 1\.0\.0 has ABI 2\.0, this host 1\.\d+: build it with this "
                     r"host's SDK")
        self.repaired()

    def test_older_minor_with_a_smaller_struct_loads(self):
        self.host.drop(as_good("older_minor_small_struct"), "good.so")
        self.host.deploy("good")  # it has no parameters
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"good: replaced 1\.0\.0 (->|→) 0\.9\.0")
        self.assertEqual(self.strategy()["version"], "0.9.0")

    def test_a_strategy_of_the_frozen_1_0_headers_loads(self):
        self.host.drop(os.path.join(paths.BUILD, "tests/abi/smallest-1.0.so"), "smallest.so")
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"smallest: loaded 1\.0\.0")
        self.counts_of_smallest()

    def counts_of_smallest(self):
        self.kafka.send(self.topics["bar_trends"], '{"symbol":"Y","price":7}', key="Y", partition=2)
        self.wait_for("its signal", lambda: any(
            s["name"] == "seen" and s["value"] == 7 for s in self.host.read_signals()))

    # ---- what shows when it is loaded ----

    def test_global_into_a_host_of_two_lanes(self):
        self.host.drop(as_good("global_scope"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*scope GLOBAL, which needs .* one lane; .* has 2; set lanes = 1")
        self.repaired()

    def test_missing_symbol(self):
        self.host.drop(as_good("missing_symbol"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*undefined symbol")
        self.repaired()

    def test_crash_in_a_constructor(self):
        self.host.drop(as_good("crash_constructor"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*crashed .*(load|open|constructor).*SIGSEGV")
        self.repaired()

    def test_crash_in_create(self):
        self.host.drop(as_good("crash_create"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*crashed in create.*SIGSEGV")
        self.repaired()

    def test_crash_in_load_of_the_real_state(self):
        self.host.drop(as_good("crash_load"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*crashed in load.*SIGSEGV")
        self.repaired()

    def test_crash_in_a_real_message(self):
        self.host.drop(as_good("crash_message"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*crashed in on_message.*SIGSEGV")
        self.repaired()

    def test_hang_in_create(self):
        self.host.drop(as_good("hang_create"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*(stuck|hang|hung|did not return).*create.*3 ?s"
                     r"|good: rejected: .*create.*(stuck|hang|hung|did not return).*3 ?s")
        self.repaired()

    def test_create_refuses_with_a_text(self):
        self.host.drop(as_good("refuse_create"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*create failed: \S+")
        self.repaired()

    def test_load_refuses_the_old_state(self):
        self.host.drop(as_good("refuse_load"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*load failed: state of version 1\.0\.0 is too old for me")
        self.repaired()

    def test_save_refuses(self):
        self.host.drop(as_good("refuse_save"), "good.so")
        self.host.deploy("good")
        self.refused(r"good: rejected: .*save failed: in the middle of something")
        self.repaired()

    # ---- files that may not be there ----

    def test_two_files_with_one_name(self):
        other = self.host.drop("good_v2", "other.so")
        self.refused(r"good\.so \(version 1\.0\.0\) and .*other\.so \(version 2\.0\.0\) are both "
                     r"strategy good: remove one")
        os.unlink(other)
        self.repaired()

    def test_a_file_that_others_may_write(self):
        os.chmod(self.good, 0o666)
        self.refused(r"good\.so: mode 0666 lets everyone write: `chmod o-w` it, or set "
                     r"strict_modes = no")
        self.repaired()

    def test_a_directory_that_others_may_write(self):
        os.chmod(self.host.strategies, 0o777)
        self.refused(r"strategies: mode 0777 lets everyone write: `chmod o-w` it")
        os.chmod(self.host.strategies, 0o755)
        self.repaired()

    def test_a_file_that_is_gone_while_its_section_stays(self):
        os.unlink(self.good)
        self.refused(r"good: rejected: .*no strategy \"good\" in .*1\.0\.0 keeps running")
        self.repaired()

    def test_file_and_section_gone_is_a_removal(self):
        os.unlink(self.good)
        self.host.withdraw("good")
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"good: removed 1\.0\.0")
        self.assertEqual(self.host.status()["strategies"], [])

    # ---- parameters ----

    def test_unknown_parameter(self):
        self.host.deploy("good", evry=1)
        self.refused(r"good\.ini:2: .*strategy good has no parameter evry; did you mean every\?")
        self.repaired()

    def test_parameter_out_of_range(self):
        self.host.deploy("good", every=1000001)
        self.refused(r"good\.ini:2: every = 1000001: above the maximum, 1000000")
        self.repaired()

    def refused_by_signal(self, file, *patterns):
        """The same by SIGHUP: exactly these errors, all at once, and the old one counts on."""
        mark = self.host.log_size()
        self.host.process.signal(signal.SIGHUP)
        for pattern in patterns:
            self.host.wait_event("reload.failed", pattern, start=mark)
        self.counts()
        places = set(re.findall(rf"{file}:\d+:", self.host.log_text(mark)))
        self.assertEqual(len(places), len(patterns), self.host.log_text(mark))

    def test_a_broken_deployment_changes_nothing_and_all_faults_are_told(self):
        with open(os.path.join(self.host.deployments, "good.ini"), "w", encoding="utf-8") as file:
            file.write("[strategy:good]\nevery = 1\n[strategi:other]\nx = 1\n[take5]\nlanes = 2\n")
        self.refused_by_signal(r"good\.ini", r"good\.ini:3: .*strategi:other",
                               r"good\.ini:5: .*take5")
        self.repaired()

    def test_a_broken_main_file_changes_nothing_and_all_faults_are_told(self):
        self.host.sections["take5"].update({"lans": 2, "stats_interval": "soon"})
        self.host.write_ini()
        self.refused_by_signal(r"take5\.ini", r"take5\.ini:\d+: .*lans.*lanes",
                               r"take5\.ini:\d+: .*stats_interval")
        self.host.sections["take5"].update({"stats_interval": "2s", "lanes": 3})
        del self.host.sections["take5"]["lans"]
        self.host.write_ini()
        self.refused_by_signal(r"take5\.ini", r"take5\.ini:\d+: .*lanes.*restart")
        self.host.sections["take5"]["lanes"] = 2
        self.host.write_ini()
        self.repaired()

    # ---- and what must work ----

    def test_a_cpp_strategy_loads(self):
        self.host.drop("cpp_strategy")
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"cpp_strategy: loaded")
        self.counts()

    def test_one_that_leaves_a_thread_behind_does_not_kill_the_host(self):
        self.host.drop("leaves_thread")
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        os.unlink(os.path.join(self.host.strategies, "leaves_thread.so"))
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"leaves_thread: removed")
        for _ in range(3):
            self.counts()

    # ---- what the loader would share between versions ----

    def drop_libraries(self, version):
        for name in ("libt5helper.so", "libt5deep.so"):
            self.host.drop(os.path.join(paths.BUILD, f"tests/plugins/libraries/v{version}", name))

    def says(self, deployment):
        """What it says to the next message."""
        of = lambda: [s["value"] for s in self.host.read_signals()
                      if s["deployment"] == deployment]
        before = len(of())
        self.counts()
        self.wait_for(f"a signal of {deployment}", lambda: len(of()) > before)
        return of()[-1]

    def reloaded(self, pattern):
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, pattern)

    def test_libraries_beside_a_strategy_are_replaced_with_it(self):
        self.host.drop("needs_library")
        self.host.deploy("needs_library")
        self.drop_libraries(1)
        self.reloaded(r"needs_library: loaded")
        self.assertEqual(self.says("needs_library"), 1101)
        self.drop_libraries(2)
        self.reloaded(r"needs_library: replaced")
        self.assertEqual(self.says("needs_library"), 2201)
        self.reloaded(r"needs_library: kept")
        self.assertEqual(self.says("needs_library"), 2202)
        self.drop_libraries(1)  # not what is still mapped of it
        self.reloaded(r"needs_library: replaced")
        self.assertEqual(self.says("needs_library"), 1101)
        # The last good copy has them too.
        with open(os.path.join(self.host.strategies, "libt5deep.so"), "wb") as file:
            file.write(b"no library")
        self.host.stop()
        self.host.start()
        self.host.wait_status("an assignment", lambda status: len(status["assignment"]) == 12)
        self.assertEqual(self.says("needs_library"), 1101)
        self.host.wait_event("strategy.last_good", "needs_library")
        self.drop_libraries(2)
        self.reloaded(r"needs_library: replaced")
        self.assertEqual(self.says("needs_library"), 2201)

    def test_unique_statics_are_replaced_with_their_strategy(self):
        self.host.drop("unique_1", "unique.so")
        self.reloaded(r"unique: loaded")
        self.assertEqual(self.says("unique"), 1111)
        self.host.drop("unique_2", "unique.so")
        self.reloaded(r"unique: replaced")
        self.assertEqual(self.says("unique"), 2221)
        self.host.drop("unique_1", "unique.so")
        self.reloaded(r"unique: replaced")
        self.assertEqual(self.says("unique"), 1111)

    def test_static_tls_that_runs_out_is_cured_by_a_restart_and_says_so(self):
        for number in range(1, 9):
            self.host.drop(f"static_tls_{number}", "static_tls.so")
            got, said = self.host.reload()
            if got != 0:
                break
            self.counts()
        self.assertEqual(got, 1, "it never ran out: the test shows nothing")
        self.assertRegex(said, rf"static_tls: rejected: .*restart the host.*"
                         rf"1\.0\.{number - 1} keeps running")
        self.counts()
        self.host.stop()
        self.host.start()
        self.host.wait_status("the newest", lambda status: any(
            s["version"] == f"1.0.{number}" for s in status["strategies"]))
        self.counts()

    # ---- and what changes the process that it is in ----

    def meddles(self, what, where="message", **keys):
        """One that does it when it runs, not in a rehearsal, beside one whose numbers show how the
        processor rounds."""
        self.host.drop("meddles")
        self.host.drop("divides")
        self.host.deploy("meddles", what=what, where=where, live="yes", **keys)
        mark = self.host.log_size()
        got, said = self.host.reload()
        self.assertEqual(got, 0, said)
        return mark

    def send_until(self, what, probe):
        """Messages, one after the other, until it is so; the prices."""
        prices = []

        def send_one():
            price = 1 + 0.7 * len(prices)
            self.kafka.send(self.topics["bar_trends"], json.dumps({"symbol": "X", "price": price}),
                            key="X", partition=1)
            prices.append(price)
            return probe()

        self.wait_for(what, send_one)
        return prices

    def is_blamed(self, mark, words):
        """With its name, its callback and an error in its status."""
        status = next(s for s in self.host.status()["strategies"] if s["name"] == "meddles")
        return (status["errors"] > 0 and
                re.search(rf"meddles: on_message changes {words}", self.host.log_text(mark)))

    def numbers_are_complete(self, prices):
        """Of each strategy: one signal for each message, to the last bit."""
        self.sent += len(prices)
        of = lambda name: [s["value"] for s in self.host.read_signals() if s["deployment"] == name]
        self.wait_for(lambda: f"all signals; there are {self.host.read_signals()}", lambda: (
            len(of("divides")) >= len(prices) and len(of("good")) >= self.sent and
            len(of("meddles")) >= len(prices)))
        self.assertEqual(of("divides"), [price / 3.0 for price in prices])
        self.assertEqual(of("good"), list(range(1, self.sent + 1)))
        self.assertEqual(of("meddles"), list(range(1, len(prices) + 1)))

    def proc(self, name):
        with open(f"/proc/{self.host.process.pid}/{name}", encoding="utf-8") as file:
            return file.read()

    def test_rounding_in_a_message_spoils_nobody_elses_numbers(self):
        mark = self.meddles("rounding")
        prices = self.send_until("the blame", lambda: self.is_blamed(
            mark, "the floating-point mode"))
        prices += self.send_until("some more", iter([False] * 20 + [True]).__next__)
        self.numbers_are_complete(prices)

    def test_signals_unblocked_in_a_message_do_not_make_sigterm_kill(self):
        mark = self.meddles("signals")
        prices = self.send_until("the blame", lambda: self.is_blamed(mark, "the signal mask"))
        self.numbers_are_complete(prices)
        self.host.stop()
        self.assertRegex(self.host.log_text(mark), r"stopped|saved|ended")

    def test_what_the_process_has_one_of_is_put_back(self):
        pattern = r"Umask:\s*(\d+)"
        before = re.search(pattern, self.proc("status")).group(1)
        mark = self.meddles("umask")
        self.sent += len(self.send_until("the blame", lambda: self.is_blamed(
            mark, "the file mode mask")))
        self.wait_for("the old value", lambda: re.search(
            pattern, self.proc("status")).group(1) == before)
        directory = os.readlink(f"/proc/{self.host.process.pid}/cwd")
        mark = self.meddles("directory")
        self.sent += len(self.send_until("the blame", lambda: self.is_blamed(
            mark, "the working directory")))
        self.wait_for("the old directory", lambda: os.readlink(
            f"/proc/{self.host.process.pid}/cwd") == directory)
        # One deployment alone on its lane, and once only: it is blamed all the same.
        self.host.withdraw("good")
        os.unlink(self.good)
        os.unlink(os.path.join(self.host.strategies, "divides.so"))
        mark = self.meddles("signals", once="yes")
        self.send_until("the blame", lambda: self.is_blamed(mark, "the signal mask"))

    def test_limits_lowered_from_outside_stay_and_nobody_is_blamed(self):
        pid = self.host.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        mark = self.host.log_size()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft - 1, hard))
        self.wait_for("the report", lambda: re.search(
            r"resource limits changed", self.host.log_text(mark)))
        self.counts()
        self.assertEqual(resource.prlimit(pid, resource.RLIMIT_NOFILE), (soft - 1, hard))
        self.assertEqual({s["errors"] for s in self.host.status()["strategies"]}, {0})

    def processes_of_the_host(self):
        """{pid: arguments} of all that run in its directory, also when it is gone, but itself."""
        found = {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                directory = os.readlink(f"/proc/{pid}/cwd").removesuffix(" (deleted)")
                if directory == os.path.realpath(self.host.directory):
                    with open(f"/proc/{pid}/cmdline", "rb") as file:
                        found[int(pid)] = file.read().decode().split("\0")
        found.pop(self.host.process.pid, None)
        return found

    def end_copies(self):
        for pid in self.processes_of_the_host():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def with_http(self):
        """The host again, with a port of its own."""
        self.host.stop()
        port = free_ports(1)[0]
        self.host.sections["http"].update({"enabled": "yes", "port": port})
        self.host.write_ini()
        self.host.start()
        self.host.wait_status("an assignment", lambda status: len(status["assignment"]) == 12)

    def test_one_that_forks_and_stays_holds_neither_client_nor_port_nor_lock(self):
        self.addCleanup(self.end_copies)
        self.with_http()
        self.host.drop("meddles_constructor")
        got, said = self.host.reload()  # would not come back
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"meddles_constructor: loaded")
        self.meddles("fork", where="create")
        copies = self.processes_of_the_host()
        self.assertTrue(copies, "nothing forked: the test shows nothing")
        self.assertFalse([a for a in copies.values() if "rehearse" in a], "rehearsals are left")
        self.counts()
        os.unlink(os.path.join(self.host.strategies, "meddles_constructor.so"))
        os.unlink(os.path.join(self.host.strategies, "meddles.so"))
        self.host.withdraw("meddles")
        self.host.stop()
        # The copies are still there; the next host gets port, socket and locks.
        self.assertTrue(set(copies) <= set(self.processes_of_the_host()))
        self.host.start()
        self.host.wait_status("an assignment", lambda status: len(status["assignment"]) == 12)
        self.counts()

    def test_descriptors_of_the_host_are_closed_on_exec(self):
        self.with_http()
        self.host.drop("meddles")
        self.assertEqual(self.host.reload()[0], 0)
        self.counts()
        folder = f"/proc/{self.host.process.pid}"
        for fd in filter(lambda name: int(name) > 2, os.listdir(f"{folder}/fd")):
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(f"{folder}/fd/{fd}")
                with open(f"{folder}/fdinfo/{fd}", encoding="utf-8") as file:
                    flags = int(re.search(r"flags:\s*(\d+)", file.read()).group(1), 8)
                # librdkafka has pipes of its own, by which its threads wake each other: nobody
                # waits for their end.
                self.assertTrue(flags & os.O_CLOEXEC or target.startswith("pipe:"),
                                f"descriptor {fd}, {target}")

    def tearDown(self):
        # Whatever was done to the host, it stops cleanly.
        with contextlib.ExitStack() as stack:
            stack.callback(super().tearDown)
            if self.host.process is not None and self.host.process.is_running():
                self.host.stop()


if __name__ == "__main__":
    main()
