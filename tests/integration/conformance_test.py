#!/usr/bin/python3
"""`take5 check X.so`: good strategies pass, and each case is made to fail by a bad one."""
import json
import os
import re
import signal
import subprocess
import unittest

from harness.crash_sites import SITES, place
from harness.waiting import wait_for
from offline import BUILD, VARIANT, Offline

PLUGINS = os.path.join(BUILD, "tests", "plugins")
BUNDLED = ("console", "momentum", "trend", "cross")


def plugin(name):
    return os.path.join(PLUGINS, f"{name}.so")


def bundled(name):
    return os.path.join(BUILD, "strategies", f"{name}.so")


def directory_of(pid):
    """Of a running check: where its lock lies."""
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{name}")
        except FileNotFoundError:
            continue
        if target.endswith("/.lock"):
            return os.path.dirname(target)
    return None


class Conformance(Offline):
    def setUp(self):
        super().setUp()
        self.configure("")

    def configure(self, text):
        self.ini = self.write("take5.ini",
                              f"[take5]\nstrategy_dir = {self.directory}\n{text}")

    def check(self, *arguments, code=0):
        """With --json: the document."""
        done = self.take5("check", "-c", self.ini, "--json", *arguments, code=code, timeout_s=600)
        return json.loads(done.stdout)

    def outcomes(self, *arguments, code=0):
        """Of one file: {case: outcome}, {case: its faults, as one text}, {case: its notes}."""
        files = self.check(*arguments, code=code)["files"]
        self.assertEqual(len(files), 1)
        cases = files[0]["cases"]
        return ({c["name"]: c["outcome"] for c in cases},
                {c["name"]: "\n".join(c["faults"]) for c in cases},
                {c["name"]: "\n".join(c["notes"]) for c in cases})

    def faults(self, name, case, *arguments):
        """Of one case, which fails, or of one that is the only one to be tried."""
        outcomes, faults, _ = self.outcomes("--case", case, *arguments, plugin(name), code=1)
        self.assertEqual(outcomes, {case: "failed"})
        return faults[case]

    def notes(self, path, case):
        """Of one case, which passes."""
        outcomes, _, notes = self.outcomes("--case", case, path)
        self.assertEqual(outcomes, {case: "ok"})
        return notes[case]


class Bundled(Conformance):
    def test_bundled_strategies_pass_with_several_seeds(self):
        for seed in (1, 20240617):
            document = self.check("--seed", seed, *map(bundled, BUNDLED))
            self.assertEqual(document["seed"], seed)
            self.assertEqual([file["name"] for file in document["files"]], list(BUNDLED))
            self.assertTrue(all(file["fit"] for file in document["files"]))

    def test_they_have_something_to_say_and_to_keep(self):
        """Or their passing would show little."""
        for name in ("momentum", "trend", "cross"):
            self.assertRegex(self.notes(bundled(name), "signals"),
                             r"^[1-9]\d+ signals of \d+ messages$")
            self.assertEqual(self.notes(bundled(name), "state/round-trip"), "")
            self.assertEqual(self.notes(bundled(name), "state/goes-on"), "")
            self.assertRegex(self.notes(bundled(name), "state/truncated"),
                             r"^[1-9]\d* were loaded, [1-9]\d* rejected$")


@unittest.skipIf(VARIANT != "plain", "their faults are not for a sanitizer")
class Bad(Conformance):
    """Which cases fail for a plugin, and what is said of it."""

    def fails(self, name, cases, said, *arguments):
        """Exactly these cases of all fail, the first of them with a fault that matches."""
        outcomes, faults, _ = self.outcomes(*arguments, plugin(name), code=1)
        failed = [case for case, outcome in outcomes.items() if outcome == "failed"]
        self.assertEqual(failed, cases, faults)
        self.assertRegex(faults[cases[0]], said)
        return outcomes

    # ---- descriptor ----

    def test_note_and_descriptor_that_differ(self):
        outcomes = self.fails("note_differs", ["descriptor"],
                              r'descriptor has version "2.0.0", the note has "1.0.0"')
        self.assertEqual(list(outcomes), ["descriptor"], "nothing else can be tried")

    def test_crash_in_a_constructor(self):
        self.fails("crash_constructor", ["descriptor"],
                   "^crashed with SIGSEGV in loading the file")

    def test_hang_in_a_constructor(self):
        self.fails("hang_constructor", ["descriptor"],
                   "^stuck: not done within 5s, in loading the file", "--timeout", "5s")

    def test_function_and_line_are_named_as_far_as_the_file_tells(self):
        for name, site in SITES.items():
            with self.subTest(name):
                self.assertRegex(self.faults(name, "signals"), rf"^crashed with SIG.*, in {site}$")

    def test_a_loop_is_told_with_its_line(self):
        self.assertRegex(self.faults("crash_deep_loop", "signals", "--timeout", "5s"),
                         rf"^stuck: not done within 5s, in .*, in {re.escape(place('loop'))}$")

    def test_crash_at_the_end_of_the_process(self):
        self.fails("crash_exit", ["descriptor"], "^crashed with SIGSEGV in the end of the process")

    def test_writable_statics_are_remarked(self):
        self.assertRegex(self.notes(plugin("writable_statics"), "descriptor"),
                         r"has \d{4,} bytes of writable static data")

    def test_fast_math_is_remarked(self):
        self.assertIn("changes the floating-point environment",
                      self.notes(plugin("fast_math"), "descriptor"))

    # ---- life, events, parameters ----

    def test_create_that_cannot_on_some_partitions(self):
        self.fails("few_partitions", ["life"], r"^crashed with SIGSEGV in create, in create\b.*\(few_partitions\.so\)$")

    def test_create_that_always_crashes(self):
        outcomes, faults, _ = self.outcomes(plugin("crash_create"), code=1)
        self.assertEqual([c for c, o in outcomes.items() if o == "ok"], ["descriptor"])
        self.assertRegex(faults["life"],
                         r"^crashed with SIGSEGV in create, in create\b.*\(crash_create\.so\)$")

    def test_create_that_refuses_its_own_defaults(self):
        self.assertRegex(self.faults("refuse_create", "life"),
                         "^with the given settings: create failed: ")

    def test_create_that_hangs(self):
        self.assertRegex(self.faults("hang_create", "life", "--timeout", "5s"),
                         r"^stuck: not done within 5s, in create, in create\b.*\(hang_create\.so\)$")

    def test_create_that_ends_the_process(self):
        self.assertRegex(self.faults("exit_create", "life"),
                         "^ended the process with exit code [0-9]+ in create")

    def test_event_of_a_kind_that_is_not_known(self):
        self.fails("crash_event", ["events"],
                   r"^crashed with SIGSEGV in on_event \(kind 1000\)")

    def test_parameter_at_its_maximum(self):
        outcomes = self.fails("crash_maximum", ["parameter/depth"],
                              "^crashed with SIGSEGV in create")
        self.assertEqual(outcomes["parameter/width"], "ok")

    # ---- messages ----

    def test_message_of_the_production_envelope(self):
        self.fails("fragile_production", ["messages/production/bar_trends"],
                   "^returned an error for 1500 of 1500 well-formed messages: cannot make")

    def test_message_of_the_documented_envelope(self):
        self.fails("fragile_documented", ["messages/documented/bar_trends"],
                   "^returned an error for 1500 of 1500 well-formed messages: cannot do without")

    def test_message_that_lacks_a_member(self):
        self.fails("fragile_missing", ["messages/missing/bar_trends"],
                   r"^crashed with SIGSEGV in on_message of bar_trends, .*, message \{")

    def test_message_with_an_extreme_number(self):
        self.fails("fragile_extreme", ["messages/extreme/bar_trends"],
                   r"^crashed with SIGSEGV in on_message of bar_trends, .* extreme, message \{")

    def test_message_with_a_very_long_text(self):
        self.fails("fragile_text", ["messages/text/bar_trends"],
                   r"^crashed with SIGSEGV in on_message of bar_trends, very long text, message ")

    def test_message_that_is_answered_with_a_code_that_is_none(self):
        self.assertRegex(self.faults("zero_return", "messages/production/bar_trends"),
                         r"^on_message returned code 0, expected one of T5_OK .*; the message was")

    def test_messages_that_are_all_rejected(self):
        self.assertIn("rejects every well-formed message",
                      self.faults("reject_message", "messages/production/bar_trends"))

    def test_crash_in_a_timer(self):
        self.assertRegex(self.faults("crash_timer", "signals"),
                         "^crashed with SIGSEGV in on_timer, key 1, before")

    # ---- signals and instances ----

    def test_signal_that_is_not_a_number(self):
        self.fails("late_nan", ["signals"],
                   "^1 of 60 signals were not well formed; .* its value is not finite$")

    def test_signals_wrong_in_every_way(self):
        self.assertRegex(self.faults("bad_signals", "signals"),
                         "^60000 of 66000 signals were not well formed")

    def test_memory_that_is_read_before_it_is_written(self):
        self.fails("uninitialised", ["repeatable"],
                   r'^the same messages a second time: signal 1 is \{"name":"byte".* the first time')

    def test_static_that_instances_share(self):
        self.fails("shares_static", ["apart"],
                   r"(?m)^one of two instances: signal 1 is .* alone, none beside another instance$")

    # ---- a past ----

    def test_window_without_a_declared_warm_up_is_remarked(self):
        said = (r"^begun without a past, its signals differ for the first (\d+) minutes .*: declare "
                r"\.warm_up_ns, .* or set warm_up in each deployment$")
        notes = self.notes(plugin("looks_back_window"), "warm-up")
        self.assertRegex(notes, said)
        self.assertLessEqual(20, int(re.match(said, notes)[1]))
        self.assertLessEqual(int(re.match(said, notes)[1]), 31)
        self.assertRegex(self.notes(plugin("looks_back_average"), "warm-up"), said)

    def test_no_word_of_warm_up_where_none_is_due(self):
        """Declared; no window; what no warm-up can restore; nothing to remember."""
        for name in ("looks_back_declared", "looks_back_last", "looks_back_count", "no_save"):
            self.assertEqual(self.notes(plugin(name), "warm-up"), "", name)
        for name in BUNDLED:
            self.assertEqual(self.notes(bundled(name), "warm-up"), "", name)

    # ---- state ----

    def test_save_that_changes_something(self):
        self.fails("state_restless", ["state/round-trip"],
                   r"^saved twice without a message in between: record 0 \(of QQQ, 32 bytes")

    def test_state_of_symbol_ids(self):
        self.assertRegex(self.faults("state_ids", "state/round-trip"),
                         "^saved after 1 messages, loaded and saved again: record 0, of QQQ, "
                         "became one of SHIFT")

    def test_state_that_is_not_whole(self):
        self.fails("state_forgets", ["state/goes-on"],
                   r"^saved before message 0 and others and continued elsewhere: signal \d+ is ")

    def test_empty_record(self):
        self.fails("state_empty", ["state/empty", "state/random", "state/truncated"],
                   "^crashed with SIGSEGV in load, a state of one empty record")

    def test_record_whose_length_is_believed(self):
        self.fails("state_trusts", ["state/random", "state/truncated", "leaves/memory"],
                   r"^crashed with SIGSEGV in load, random state \d+, of")

    def test_record_that_ends_early(self):
        self.fails("state_short", ["state/truncated", "leaves/memory"],
                   r"^crashed with SIGSEGV in load, its own state with record 0 at 1[6-9] of 32")

    def test_record_that_is_copied_into_too_small_a_block(self):
        """One byte too much, which glibc's allocator forgives unless it is asked to look."""
        self.fails("state_overflow", ["state/random", "state/truncated"],
                   r"^crashed with SIGABRT in load, random state 33, .*free\(\): invalid pointer")

    def test_state_of_an_older_version(self):
        self.fails("state_older", ["state/older"],
                   "^crashed with SIGSEGV in load, a state of state version 2 by")

    def test_load_that_refuses_without_a_reason(self):
        self.fails("state_mute", ["state/empty", "state/random", "state/truncated"],
                   "load failed: it gave no reason")

    def test_load_that_refuses_its_own_state(self):
        self.assertRegex(self.faults("refuse_load", "state/round-trip"),
                         "its own state: load failed: ")

    def test_save_that_refuses(self):
        self.assertRegex(self.faults("refuse_save", "state/round-trip"),
                         "^after 0 messages: save failed: ")

    def test_strategy_without_state_has_none_tried(self):
        outcomes, _, notes = self.outcomes(plugin("no_save"))
        skipped = {case for case, outcome in outcomes.items() if outcome == "skipped"}
        self.assertEqual(skipped, {case for case in outcomes if case.startswith("state/")})
        self.assertEqual(len(skipped), 6)
        self.assertIn("neither save nor load", notes["state/empty"])

    # ---- leavings ----

    def test_thread_that_is_left_behind(self):
        self.fails("leaves_thread", ["leaves/threads", "leaves/memory"],
                   r"^threads left running \(5\) after deactivate and destroy of 5 instances")

    def test_thread_that_is_joined_is_none(self):
        self.assertEqual(self.notes(plugin("wakes"), "leaves/threads"), "")
        self.assertEqual(self.notes(plugin("wakes"), "leaves/memory"), "")

    def test_pool_of_a_library_is_none(self):
        """As that of OpenMP: it comes with the first lives and does not grow."""
        self.assertRegex(self.notes(plugin("pools"), "leaves/threads"),
                         "^3 threads of a pool that all instances share stay")

    def test_thread_that_begins_too_early(self):
        self.fails("thread_in_create", ["leaves/threads"], r"^create starts threads \(1\)")

    def test_file_that_is_left_open(self):
        self.fails("leaves_file", ["leaves/files"], r"^descriptor \d+ is still open, on /dev/null")

    def test_memory_that_is_left_behind(self):
        self.fails("leaves_memory", ["leaves/memory"],
                   r"^create and destroy leaks \d+ bytes, measured over \d+ cycles")

    def test_memory_that_a_refusal_leaves_behind(self):
        self.fails("leaves_refused", ["leaves/memory"],
                   r"^loading a corrupt state leaks \d+ bytes")

    def test_mapping_that_is_left_behind(self):
        self.fails("leaves_mapping", ["leaves/memory"],
                   r"^a full life cycle leaks 16\.\d+ pages of address space")

    def test_signal_handler_that_is_left_behind(self):
        self.fails("leaves_handler", ["leaves/process"], "^changes the handler of SIGPIPE")

    def test_file_mask_that_is_left_behind(self):
        self.fails("leaves_mask", ["leaves/process"],
                   "^changes the file mode mask, which belongs to the host")

    def test_what_is_changed_in_a_message_or_later(self):
        for what, words in (("rounding", "the floating-point mode"),
                            ("locale", "locale"), ("directory", "the working directory"),
                            ("limits", "resource limits"), ("umask", "the file mode mask")):
            self.assertRegex(self.faults("meddles", "leaves/process", "--set", f"what={what}"),
                             words)
        self.assertRegex(self.faults("meddles", "leaves/process", "--set", "what=umask", "--set",
                                     "where=destroy"), "the file mode mask")

    def test_process_that_is_left_running(self):
        for what in ("fork", "setsid"):
            self.assertRegex(self.faults("meddles", "life", "--set", f"what={what}", "--set",
                                         "where=deactivate"),
                             r"^\d+ process(es are| is) left running")

    def test_every_case_was_made_to_fail(self):
        """The list of cases against this file: none may stand there that nothing proves."""
        listed = [line.split()[0] for line in
                  self.take5("check", "--cases").stdout.decode().splitlines()]
        self.assertGreater(len(listed), 15)
        with open(__file__, encoding="utf-8") as file:
            text = file.read()
        for case in listed:
            self.assertRegex(text, rf'"{case}["/]', f"no test makes {case} fail")


@unittest.skipIf(VARIANT != "plain", "the command, not the memory")
class Command(Conformance):
    def test_people_see_a_line_a_case_and_a_verdict(self):
        said = self.take5("check", "-c", self.ini, bundled("console"), plugin("state_older"),
                          code=1).stdout.decode()
        self.assertRegex(said, r"(?m)^  state/round-trip +ok$")
        self.assertRegex(said, r"(?m)^  state/older +FAILED\n    crashed with SIGSEGV")
        self.assertRegex(said, r"(?m)^\S+console\.so: fit to run \(console 1\.0\.0\): ")
        self.assertRegex(said, r"(?m)^\S+state_older\.so: NOT fit to run \(state_older ")
        self.assertTrue(said.endswith("1 fit, 1 not\n"))

    def test_seed_reproduces(self):
        def fault(seed):
            return self.faults("shares_static", "apart", "--seed", seed)
        self.assertEqual(fault(7), fault(7))
        self.assertNotEqual(fault(7), fault(8))

    def test_what_is_no_strategy(self):
        files = self.check(self.write("x.so", "no"), plugin("no_descriptor"),
                           plugin("other_major"), code=1)["files"]
        self.assertEqual([file["fit"] for file in files], [False] * 3)
        self.assertIn("not an ELF file", files[0]["faults"][0])

    def test_required_parameter(self):
        outcomes, faults, notes = self.outcomes(plugin("recorder"), code=1)
        self.assertEqual(outcomes, {"descriptor": "failed"})
        self.assertIn("needs a value for file", faults["descriptor"])
        self.assertIn("--set file=VALUE", notes["descriptor"])

    def test_required_parameter_on_the_command_line(self):
        outcomes, _, _ = self.outcomes("--set", "file=/nowhere/at/all", plugin("recorder"))
        self.assertEqual(set(outcomes.values()), {"ok"})
        self.assertIn("parameter/file", outcomes)

    def test_required_parameter_of_a_deployment(self):
        self.configure("[strategy:wrote]\nplugin = recorder\nfile = /nowhere\nsymbols = QQQ\n")
        outcomes, _, _ = self.outcomes("--deployment", "wrote", "--case", "[dl]*",
                                       plugin("recorder"))
        self.assertEqual(set(outcomes.values()), {"ok"})
        said = self.take5("check", "-c", self.ini, "--deployment", "wrote", bundled("console"),
                          code=1).stderr.decode()
        self.assertIn("[strategy:wrote] is a deployment of recorder", said)
        said = self.take5("check", "-c", self.ini, "--deployment", "other", bundled("console"),
                          code=2).stderr.decode()
        self.assertIn("no section [strategy:other]", said)

    def test_wrong_value_on_the_command_line(self):
        outcomes, faults, _ = self.outcomes("--set", "every=0", bundled("console"), code=1)
        self.assertEqual(outcomes, {"descriptor": "failed"})
        self.assertIn("every = 0: below the minimum, 1", faults["descriptor"])
        _, faults, _ = self.outcomes("--set", "evry=1", bundled("console"), code=1)
        self.assertIn("did you mean every?", faults["descriptor"])

    def test_pattern_that_is_no_case(self):
        said = self.take5("check", "-c", self.ini, "--case", "stat", bundled("console"),
                          code=1).stderr.decode()
        self.assertIn("--case stat: no such case", said)

    def test_a_configuration_as_json(self):
        os.symlink(bundled("trend"), self.path("trend.so"))
        os.symlink(plugin("no_descriptor"), self.path("none.so"))
        self.configure("strict_modes = no\n[strategy:slow]\nplugin = trend\ninterval = 1h\n"
                       "[strategy:absent]\n")
        found = self.check(code=1)
        self.assertEqual((found["fit"], found["not_fit"]), (1, 2))
        absent, slow = found["deployments"]
        self.assertEqual((slow["name"], slow["fit"], slow["strategy"], slow["faults"]),
                         ("slow", True, "trend", []))
        self.assertEqual((absent["name"], absent["fit"]), ("absent", False))
        self.assertIn("absent", absent["faults"][0])
        self.assertIn("no take5 note", found["faults"][0])

    def test_use_that_is_wrong(self):
        for arguments in (["--seed", "x", "a.so"], ["--timeout", "10", "a.so"],
                          ["--set", "novalue", "a.so"], ["--nonsense"]):
            said = self.take5("check", "-c", self.ini, *arguments, code=2).stderr.decode()
            self.assertIn("usage: take5 check", said)

    def test_list_shows_a_strategy_that_needs_a_value(self):
        os.symlink(plugin("recorder"), self.path("recorder.so"))
        done = self.take5("list", "-c", self.ini, "-s", "take5.strict_modes=no")
        self.assertEqual(done.stderr, b"")
        self.assertIn(b"file  text, required  where the lines go", done.stdout)


class Manners(Conformance):
    def start_check(self, *arguments):
        """The command, and the directory of the moment that it works in."""
        process = self.start("check", "-c", self.ini, *arguments, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        return process, wait_for("its directory", lambda: directory_of(process.pid))

    def test_interrupted_it_leaves_nothing(self):
        process, directory = self.start_check("--timeout", "10m", plugin("hang_constructor"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(self.wait(process), 1)
        self.assertEqual(process.stderr.read(), b"take5: interrupted\n")
        self.assertFalse(os.path.exists(directory))

    def test_without_a_reader_it_leaves_nothing(self):
        process, directory = self.start_check(bundled("momentum"))
        process.stdout.close()
        process.stdout = None
        self.assertEqual(self.wait(process), 0)
        self.assertEqual(process.stderr.read(), b"")
        self.assertFalse(os.path.exists(directory))


if __name__ == "__main__":
    unittest.main(verbosity=2)
