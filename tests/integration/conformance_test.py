#!/usr/bin/python3
"""`take5 check X.so`: good strategies pass, and each case is made to fail by a bad one."""
import gzip
import json
import os
import re
import shutil
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

    def recording(self, *arguments, name="day.jsonl", count=6000):
        return self.write(name, self.take5("feed", "--count", count, *arguments).stdout)

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

    def notes(self, path, case, *arguments):
        """Of one case, which passes."""
        outcomes, _, notes = self.outcomes("--case", case, *arguments, path)
        self.assertEqual(outcomes, {case: "ok"})
        return notes[case]


class Bundled(Conformance):
    # Under a sanitizer opened files cannot be looked at, and that is said.
    ALARMS = ("wants", "partitions", "lookahead", "expired", "warm-up", "state/saved",
              "libraries") + (("opens",) if VARIANT == "plain" else ())

    def test_they_give_no_false_alarm(self):
        """Neither of synthetic messages nor of a recording of one kind of producer."""
        day = self.recording("--symbols", 5)
        for arguments in ([], ["--input", day], ["--input", day, "--symbols", "AAPL,QQQ"]):
            for file in self.check(*arguments, *map(bundled, BUNDLED))["files"]:
                self.assertTrue(file["fit"], file)
                notes = {case["name"]: case["notes"] for case in file["cases"]}
                self.assertEqual({case: notes[case] for case in self.ALARMS},
                                 dict.fromkeys(self.ALARMS, []), file["name"])

    def test_bundled_strategies_pass_with_another_seed(self):
        document = self.check("--seed", 20240617, *map(bundled, BUNDLED))
        self.assertEqual(document["seed"], 20240617)
        self.assertEqual([file["name"] for file in document["files"]], list(BUNDLED))
        self.assertTrue(all(file["fit"] for file in document["files"]))

    def test_they_have_something_to_say_and_to_keep(self):
        """Or their passing would show little."""
        for name, setting in (("momentum", []), ("trend", []),
                              ("cross", ["--set", "report_none=yes"])):
            self.assertRegex(self.notes(bundled(name), "signals", *setting),
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

    def test_writable_statics_are_noted(self):
        self.assertRegex(self.notes(plugin("writable_statics"), "descriptor"),
                         r"has \d{4,} bytes of writable static data")

    def test_fast_math_is_noted(self):
        self.assertIn("changes the floating-point environment",
                      self.notes(plugin("fast_math"), "descriptor"))

    # ---- life, events, parameters ----

    def test_create_that_cannot_on_some_partitions(self):
        self.fails("few_partitions", ["life", "partitions"], r"^crashed with SIGSEGV in create, in create\b.*\(few_partitions\.so\)$")

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
        self.fails("late_nan", ["signals", "partitions"],
                   "^1 of 60 signals were not well formed; .* its value is not finite$")

    def test_signals_wrong_in_every_way(self):
        self.assertRegex(self.faults("bad_signals", "signals"),
                         "^60000 of 66000 signals were not well formed")

    def test_memory_that_is_read_before_it_is_written(self):
        self.fails("uninitialised", ["repeatable"],
                   r'^the same messages a second time: signal 1 is \{"name":"byte".* the first time')

    def test_static_that_instances_share(self):
        self.fails("shares_static", ["apart", "partitions"],
                   r"(?m)^one of two instances: signal 1 is .* alone, none beside another instance$")

    # ---- a past ----

    def test_parameter_of_a_wrong_name(self):
        said = self.faults("mute", "wants")
        self.assertEqual(said, 'asks for the parameter "thresholds", which it does not declare; did '
                               'you mean "threshold"?')

    def test_no_value_is_made_up_for_a_field_that_the_feed_lacks(self):
        """Its signals show what it was given."""
        self.assertIn("0 signals of 6000 messages", self.notes(plugin("wants_field"), "signals"))
        self.assertEqual(self.notes(plugin("wants_field"), "wants"),
                         'fields that no message of the feed has: "mine.own"; if yours has them, '
                         "check with --input FILE")

    def test_fields_that_the_feed_lacks_and_parameters_never_read_are_noted(self):
        _, _, notes = self.outcomes("--case", "wants", plugin("mute"), code=1)
        self.assertIn('"barData.closs|mean" (the nearest that it has: "barData.close")',
                      notes["wants"])
        self.assertIn('"lastSampleStats.maen" (the nearest that it has: "lastSampleStats.mean")',
                      notes["wants"])
        self.assertIn('parameters that it never reads: "threshold"', notes["wants"])
        self.assertEqual(self.notes(plugin("carries"), "wants"), "")

    def test_window_without_a_declared_warm_up_is_noted(self):
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
        seventy = self.SIGNAL % ("seventy", "[A-Z]+")
        self.assertRegex(self.faults("state_forgets", "state/goes-on"),
                         "^saved before message 0 and others and continued elsewhere: "
                         rf"signal \d+ is {seventy} without stopping, ({seventy}|none) so$")

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
        self.assertEqual(skipped | {"state/saved"},
                         {case for case in outcomes if case.startswith("state/")})
        self.assertEqual(len(skipped), 6)
        self.assertIn("neither save nor load", notes["state/empty"])

    # ---- what the future brings ----

    SIGNAL = r'\{"name":"%s","symbol":"%s",.*"confidence":1\}'

    def test_what_relates_symbols_must_be_global(self):
        lead = self.SIGNAL % ("lead", "QQQ")
        self.fails("relates_symbols", ["partitions"],
                   r"^it is KEYED, but its signals of QQQ depend on how many partitions the "
                   rf"topics have: signal \d+ is {lead} with one, {lead} with 4; relate messages "
                   r"of one symbol only, or declare \.scope = T5_SCOPE_GLOBAL$")

    def test_global_is_given_all_partitions(self):
        outcomes, _, notes = self.outcomes("--case", "partitions", plugin("looks_back_global"),
                                           code=1)
        self.assertEqual(outcomes, {"partitions": "skipped"})
        self.assertEqual(notes["partitions"],
                         "it is GLOBAL: one instance is given all partitions")

    def test_signal_that_is_dated_back(self):
        peak = self.SIGNAL % ("peak", "[A-Z]+")
        self.fails("dates_back", ["lookahead"],
                   "^looks ahead: without the messages after a time, its signals up to that time "
                   rf"are others: signal \d+ is {peak} with them, none without; a signal's event "
                   "time is when it is known, not what it is about$")

    def test_symbol_that_is_not_forgotten(self):
        ten = self.SIGNAL % ("ten", "[A-Z]+")
        self.fails("keeps_expired", ["expired"],
                   "^does not forget a symbol at T5_EVENT_SYMBOL_EXPIRED: ([A-Z]+) got the id of "
                   r"([A-Z]+), which had expired, and is taken for it: drop what you know of "
                   rf"event->symbol_id: signal \d+ is {ten} with that id, {ten} with one of its "
                   "own$")

    def test_memory_that_is_not_saved_is_noted(self):
        ten = self.SIGNAL % ("ten", "[A-Z]+")
        self.assertRegex(self.notes(plugin("saves_nothing"), "state/saved"),
                         "^remembers messages and saves nothing: after a reload, a stop or a crash "
                         rf"its signals differ; give it save and load: signal \d+ is {ten} without "
                         rf"stopping, {ten} from a new instance$")
        for name in ("looks_back_declared", "no_save", "carries"):
            self.assertEqual(self.notes(plugin(name), "state/saved"), "", name)

    def test_half_of_save_and_load(self):
        self.fails("saves_only", ["state/saved"],
                   "^has save, but no load: what it saves is lost at every reload; give it a load$")
        self.fails("loads_only", ["state/saved"],
                   "^has load, but no save: load is never called; give it a save$")

    def test_other_causes_are_not_taken_for_these(self):
        for case in ("partitions", "lookahead", "expired", "state/saved"):
            self.assertIn(self.notes(plugin("unique_1"), case),
                          ("", "cannot be decided: the same messages give other signals each time, "
                           "see the case repeatable"))

    # ---- the file ----

    def test_list_that_does_not_end(self):
        for name, entries in (("topics", "1 entry"), ("fields", "2 entries"),
                              ("parameters", "1 entry"), ("series", "1 entry")):
            path = plugin(f"unterminated_{name}")
            outcomes, faults, _ = self.outcomes(path, code=1)
            self.assertEqual(outcomes, {"descriptor": "failed"})
            self.assertEqual(faults["descriptor"],
                             f"{path}: .{name}, of {entries}, does not end with NULL: put NULL "
                             "behind the last")

    def test_files_that_a_callback_opens_are_noted(self):
        self.assertRegex(self.notes(plugin("opens_files"), "opens"),
                         r"^opens files in on_message, on_timer or on_event: (/etc/passwd|/no/such/file) \(\d+ times\), "
                         r"(/etc/passwd|/no/such/file) \(\d+ times\); the lane waits for them, "
                         r"and a replay reads their present content: open them in create or activate$")
        self.assertEqual(self.notes(plugin("leaves_file"), "opens"), "", "in create")

    def test_library_that_a_reload_does_not_renew_is_noted(self):
        self.assertRegex(self.notes(plugin("shares_library"), "libraries"),
                         r"^uses /.*/libt5deep\.so, which does not lie beside it: all strategies "
                         "share it, and a reload does not renew it; put it next to the strategy's "
                         "file, or link it statically$")

    def test_what_versions_would_share_is_noted(self):
        self.assertRegex(self.notes(plugin("unique_1"), "descriptor"),
                         r"(?m)^has \d+ statics of which g\+\+ makes one per process "
                         r"\(STB_GNU_UNIQUE\): each version gets its own, as with -fno-gnu-unique$")
        self.assertRegex(self.notes(plugin("static_tls_1"), "descriptor"),
                         r"(?m)^uses \d{3} bytes of the loader's reserve for thread-local storage "
                         "with each version that is loaded: after some reloads it is exhausted "
                         "until the host is restarted; build it without -ftls-model=initial-exec$")
        for name in ("needs_library.so", "libraries/v1/libt5helper.so", "libraries/v1/libt5deep.so"):
            shutil.copy(os.path.join(PLUGINS, name), self.directory)
        path = self.path("needs_library.so")
        self.assertRegex(self.notes(path, "descriptor"),
                         r"(?m)^needs libt5helper\.so, which is next to it \(/.*\): it belongs to "
                         "the strategy, and each version gets its own copy$")
        self.assertEqual(self.notes(path, "libraries"), "")

    # ---- leaks ----

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
class Input(Conformance):
    """Recordings of the author's own."""

    def lines(self, count, name="own.jsonl", **members):
        """Of two symbols, a minute apart each."""
        text = "".join(json.dumps({"symbol": ("OWN", "TOO")[i % 2],
                                   "publishTime": {"take5Time": 1718658930000 + 60000 * i},
                                   "barData": {"barTimeFrame": 60, "close": 100 + i % 7},
                                   "lastSampleStats": {"mean": 100}, **members}) + "\n"
                       for i in range(count))
        return self.write(name, text)

    def test_the_cases_are_fed_it(self):
        own = self.lines(300, mine={"own": 5})
        document = self.check("--input", own, plugin("wants_field"))
        self.assertEqual(document["feed"], {"input": own, "messages": 300, "whole": True,
                                            "bad_lines": 0, "symbols": ["OWN", "TOO"]})
        cases = {c["name"]: c for c in document["files"][0]["cases"]}
        self.assertEqual(cases["wants"]["notes"], [])
        self.assertEqual(cases["messages/recorded/bar_trends"]["outcome"], "ok")
        self.assertEqual(cases["signals"]["notes"], ["300 signals of 300 messages"])

    def test_a_field_that_it_lacks_is_a_fault(self):
        own = self.lines(300, mine={"won": 5})
        outcomes, faults, _ = self.outcomes("--input", own, plugin("wants_field"), code=1)
        self.assertEqual([c for c, o in outcomes.items() if o == "failed"], ["wants"])
        self.assertEqual(faults["wants"], 'fields that no message of the input has: "mine.own" (the '
                                          'nearest that it has: "mine.won")')

    def test_a_field_of_one_message_among_many_is_there(self):
        with open(self.lines(300), encoding="utf-8") as file:
            lines = file.readlines()
        lines[101] = lines[101].replace('"symbol"', '"mine": {"own": 1}, "symbol"')
        own = self.write("own.jsonl", "".join(lines))
        self.assertEqual(self.notes(plugin("wants_field"), "wants", "--input", own), "")

    def test_without_a_topic_that_it_takes_the_field_is_only_noted(self):
        self.assertRegex(
            self.outcomes("--input", self.lines(300), "--case", "wants", plugin("mute"),
                          code=1)[2]["wants"],
            "fields that no message of the input has, which lacks a topic that it takes: ")

    def test_a_message_that_it_cannot_take(self):
        """What it does with one kind of its own messages."""
        own = self.lines(50, name="zero.jsonl", mine={"own": 0})
        self.assertRegex(self.faults("wants_field", "messages/recorded/bar_trends", "--input", own),
                         "^returned an error for 50 of 50 well-formed messages: own is 0$")

    def test_symbols_are_chosen_and_told(self):
        day = self.recording("--symbols", 4)
        document = self.check("--input", day, "--symbols", "QQQ", "--case", "signals",
                              bundled("momentum"))
        self.assertEqual(document["feed"]["symbols"], ["QQQ"])
        document = self.check("--symbols", "MINE,OTHER", "--case", "signals", bundled("momentum"))
        self.assertEqual(document["feed"], {"symbols": ["MINE", "OTHER"]})
        said = self.take5("check", "-c", self.ini, "--input", day, "--case", "signals",
                          bundled("momentum")).stdout.decode()
        self.assertRegex(said, r"^feeds 6000 messages of \S+day\.jsonl, of ([A-Z]+, ){3}[A-Z]+\n")
        said = self.take5("check", "-c", self.ini, "--symbols", "MINE", "--case", "signals",
                          bundled("momentum")).stdout.decode()
        self.assertRegex(said, r"^feeds synthetic messages of MINE\n")

    def test_a_long_one_is_cut_and_that_is_said(self):
        day = self.recording("--symbols", 4, count=20100)
        document = self.check("--input", day, "--case", "descriptor", bundled("momentum"))
        self.assertEqual((document["feed"]["messages"], document["feed"]["whole"]), (20000, False))

    def test_packed_and_csv(self):
        self.write("prices.csv", "date,ticker,close\n" + "".join(
            f"2024-06-{day:02},OWN,{100 + day}\n" for day in range(1, 31)))
        with gzip.open(self.path("prices.csv.gz"), "wb") as file, \
                open(self.path("prices.csv"), "rb") as plain:
            file.write(plain.read())
        for name in ("prices.csv", "prices.csv.gz"):
            document = self.check("-s", "decode.time_zone=UTC", "--input", self.path(name), "--map",
                                  "symbol=ticker,timestamp=date,price=close", "--case", "signals",
                                  bundled("momentum"))
            self.assertEqual(document["feed"]["messages"], 30)
            self.assertEqual(document["feed"]["symbols"], ["OWN"])

    def test_what_cannot_be_fed_is_said(self):
        day = self.recording("--symbols", 4, count=100)
        for arguments, code, said in (
                (["--input", self.path("none")], 1, "none: No such file"),
                (["--input", self.write("empty.jsonl", "")], 1,
                 "empty.jsonl: no message of a configured topic"),
                (["--input", self.write("list.jsonl", "[1,\n2]\n")], 1, "looks like a JSON array|is a JSON array"),
                (["--input", day, "--symbols", "NONE"], 1,
                 "day.jsonl: no message of NONE, which --symbols names"),
                (["--input", self.write("zone.csv", "d,p\n2024-06-01,5\n"), "--map",
                  "symbol:X,timestamp=d,price=p"], 1,
                 "zone.csv: none of its 1 messages is valid; the first: .* without a zone"),
                (["--topic", "bar_trends"], 2, "--topic and --map are for the recording of --input"),
                (["--input", day, "--map", "x"], 2, "--map ")):
            done = self.take5("check", "-c", self.ini, *arguments, bundled("momentum"), code=code)
            self.assertRegex(done.stderr.decode(), said)
        done = self.take5("check", "-c", self.ini, "--input", day, code=2)
        self.assertIn("--deployment, --set, --input, --symbols and --capsule are for files",
                      done.stderr.decode())


@unittest.skipIf(VARIANT != "plain", "the command, not the memory")
class Command(Conformance):
    def test_one_cause_is_said_once(self):
        said = self.take5("check", "-c", self.ini, plugin("crash_create"), code=1).stdout.decode()
        self.assertEqual(said.count("crashed with SIGSEGV in create,"), 1, said)
        self.assertIn("\n  events                                 FAILED\n    as in life\n", said)

    def test_people_see_a_line_a_case_and_a_verdict(self):
        said = self.take5("check", "-c", self.ini, bundled("console"), plugin("state_older"),
                          code=1).stdout.decode()
        self.assertRegex(said, r"(?m)^  state/round-trip +ok$")
        self.assertRegex(said, r"(?m)^  state/older +FAILED\n    crashed with SIGSEGV")
        self.assertRegex(said, r"(?m)^\S+console\.so: fit to run \(console 1\.0\.0\): ")
        self.assertRegex(said, r"(?m)^\S+state_older\.so: NOT fit to run \(state_older ")
        self.assertTrue(said.endswith("1 fit, 1 not\n"))

    def test_two_builds_of_one_name_may_lie_in_different_directories(self):
        """The first directory counts."""
        for folder, build in (("new", "good_v2"), ("old", "good_v1")):
            os.mkdir(self.path(folder))
            os.symlink(plugin(build), self.path(f"{folder}/{build}.so"))
        os.symlink(bundled("momentum"), self.path("old/momentum.so"))
        for order, version in (("new, old", "2.0.0"), ("old,new", "1.0.0")):
            ini = self.write("two.ini", f"[take5]\nstrategy_dir = {order}\nstrict_modes = no\n"
                             "[strategy:good]\n")
            listed = json.loads(self.take5("list", "-c", ini, "--json").stdout)
            self.assertEqual([(s["name"], s["version"]) for s in listed
                              if s["name"] in ("good", "momentum")],
                             [("good", version), ("momentum", "1.0.0")])
            said = self.take5("check", "--elsewhere", "-c", ini).stdout.decode()
            self.assertIn(f"good: fit to run (good {version})", said)

    def test_what_is_wrong_with_many_deployments_is_said_once(self):
        ini = self.write("many.ini", f"[take5]\nstrategy_dir = {BUILD}/strategies\n" + "".join(
            f"[strategy:a{i:03}]\nplugin = momentum\nthresholdd = 5\n" for i in range(101)))
        said = self.take5("check", "--elsewhere", "-c", ini, code=1).stderr.decode()
        self.assertEqual(said.count("has no parameter thresholdd"), 1, said)
        self.assertIn("a000: ", said)
        self.assertIn("did you mean threshold? (and 100 others: a001, a002, a003, ...)\n", said)

    def test_seed_reproduces(self):
        def fault(seed):
            return self.faults("dates_back", "lookahead", "--seed", seed)
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
