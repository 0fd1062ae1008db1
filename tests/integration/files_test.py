#!/usr/bin/python3
"""No command writes into a file that it, or the service, reads or writes; and what is no recording
is named."""
import ctypes
import gzip
import json
import os
import shutil
import subprocess
import unittest

from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, environment

LINE = b'{"symbol":"QQQ","timestamp":"2024-06-17T21:15:30Z","price":1,"trend_data":{}}'
RECORDED = b'{"topic":"bar_trends","partition":0,"offset":%d,"ts":1718658930123,"key":"QQQ",' \
           b'"payload":"{\\"symbol\\":\\"QQQ\\",\\"price\\":1}"}\n'
LETTER = RECORDED[:-2] + b',"headers":[],"reason":"rejected","message":"m","strategy":"good"}\n'

INI = """[take5]
strategy_dir = strategies
strict_modes = no
[kafka]
bootstrap.servers = 127.0.0.1:1
[log]
path = service.log
[signals]
sinks = jsonl
[sink:jsonl]
path = signals.jsonl
[dead_letters]
to = jsonl
path = letters.jsonl
[journal]
enabled = yes
path = journal
"""


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


class Scene(Offline):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("strategies"))
        os.mkdir(self.path("strategies.d"))
        shutil.copy(plugin("good_v1"), self.path("strategies/good.so"))
        self.write("take5.ini", INI)
        self.write("strategies.d/good.ini", "[strategy:good]\nevery = 1\n")
        self.write("day.jsonl", b"".join(RECORDED % i for i in range(20)))
        self.write("letters.jsonl", LETTER % 0)
        self.write("journal", "bar_trends 0 0 20\n")
        for name in ("service.log", "signals.jsonl", "letters.jsonl.redriven"):
            self.write(name, "")

    def content(self):
        found = {}
        for folder, _, names in os.walk(self.directory):
            for name in names:
                path = os.path.join(folder, name)
                if os.path.islink(path):
                    continue
                with open(path, "rb") as file:
                    found[path] = file.read()
        return found


class Files(Scene):
    def aliases(self, victim):
        """Other ways to say it; each in a file of its own beside it."""
        yield victim
        yield self.path(victim)
        os.symlink(self.path(victim), self.path("soft"))
        yield "soft"
        os.link(self.path(victim), self.path("hard"))
        yield "strategies/../hard"
        os.remove(self.path("soft"))
        os.remove(self.path("hard"))

    def refused(self, *arguments, append_to=None):
        """The command ends with 2, names a file, and every file is as it was."""
        before = self.content()
        with open(self.path(append_to) if append_to else os.devnull, "ab") as out:
            done = subprocess.run([TAKE5, *arguments], stdin=subprocess.DEVNULL, stdout=out,
                                  stderr=subprocess.PIPE, env=environment(), cwd=self.directory,
                                  timeout=60 * PATIENCE, check=False)
        said = done.stderr.decode()
        self.assertEqual(done.returncode, 2, (arguments, said))
        self.assertIn("choose another file", said)
        self.assertEqual(self.content(), before, arguments)

    def test_the_table_of_commands_that_write_a_file(self):
        kept = ("take5.ini", "strategies.d/good.ini", "strategies/good.so", "service.log",
                "signals.jsonl", "letters.jsonl", "journal")
        table = {
            "replay": (kept + ("day.jsonl",),
                       lambda out: ["replay", "-c", "take5.ini", "-o", out, "day.jsonl"]),
            "replay by a journal":
                (("journal", "day.jsonl"),
                 lambda out: ["replay", "-s", "take5.strategy_dir=strategies", "-s",
                              "take5.strict_modes=no", "--journal", "journal", "-o", out,
                              "day.jsonl"]),
            "record": (kept, lambda out: ["record", "-c", "take5.ini", "-o", out]),
        }
        for name, (victims, command) in table.items():
            for victim in victims:
                for alias in self.aliases(victim):
                    with self.subTest(command=name, victim=victim, alias=alias):
                        self.refused(*command(alias))

    def test_what_the_configuration_names_is_kept(self):
        """Secrets, certificates, libraries and data beside a strategy, files of its settings."""
        os.mkdir(self.path("authorities"))
        os.mkdir(self.path("strategies/lib"))
        victims = {"secret": b"hunter2\n", "ca.pem": b"no certificate\n", "key.pem": b"no key\n",
                   "chain.pem": b"none\n", "store.p12": b"none\n", "authorities/one": b"none\n",
                   "weights.csv": b"1,2\n", "strategies.d/table.csv": b"1,2\n",
                   "strategies/libx.so.1": b"library\n", "strategies/lib/liby.so": b"library\n",
                   "strategies/model.bin": b"\x01\x02", "strategies/none": b"\x7fELF\n"}
        for name, data in victims.items():
            self.write(name, data)
        self.write("take5.ini", INI.replace("[log]", """sasl.password.file = secret
ssl.ca.location = ca.pem
ssl.key.location = key.pem
ssl.certificate.location = chain.pem
ssl.keystore.location = store.p12
ssl.keystore.password = none
[log]""") + "[sink:kafka]\nssl.ca.location = authorities\n")
        self.write("strategies.d/good.ini", f"[strategy:good]\ntable = {self.path('weights.csv')}\n"
                   "other = table.csv\n")
        for victim in victims:
            for alias in self.aliases(victim):
                with self.subTest(victim=victim, alias=alias):
                    self.refused("replay", "-c", "take5.ini", "-o", alias, "day.jsonl")
            if victim != "strategies/model.bin":  # what is appended to it, it may be a log
                with self.subTest(victim=victim, command="check"):
                    self.refused("check", "-c", "take5.ini", append_to=victim)

    def test_a_result_beside_a_strategy_is_replaced(self):
        for _ in range(2):
            self.take5("replay", "-q", "-s", "strategy:good.every=1", "-o", "strategies/out",
                       "strategies/good.so", "day.jsonl")
        self.assertTrue(self.content()[self.path("strategies/out")].startswith(b"{"))
        self.write("strategies/model.bin", b"\x01\x02")
        self.refused("replay", "-o", "strategies/model.bin", "strategies/good.so", "day.jsonl")

    def test_the_summary_goes_into_no_input(self):
        self.write("out", "")
        self.refused("replay", "--json", "-o", "out", "-c", "take5.ini", "day.jsonl",
                     append_to="day.jsonl")
        self.refused("replay", "--json", "-o", "out", "-c", "take5.ini", "day.jsonl",
                     append_to="out")

    def test_the_table_of_commands_that_write_the_standard_output(self):
        table = {
            "replay": ("day.jsonl", ["replay", "-c", "take5.ini", "day.jsonl"]),
            "record": ("signals.jsonl", ["record", "-c", "take5.ini"]),
            "dlq list": ("letters.jsonl", ["dlq", "-c", "take5.ini", "list"]),
            "dlq show": ("letters.jsonl", ["dlq", "-c", "take5.ini", "show", "bar_trends/0/0"]),
            "dlq of a file": ("day.jsonl", ["dlq", "-c", "take5.ini", "--file", "day.jsonl",
                                            "list"]),
            "check": ("take5.ini", ["check", "-c", "take5.ini"]),
            "check of a file": ("strategies/good.so", ["check", "strategies/good.so"]),
            "run": ("signals.jsonl", ["run", "-c", "take5.ini"]),
        }
        for name, (victim, command) in table.items():
            with self.subTest(command=name):
                self.refused(*command, append_to=victim)

    def test_the_ledger_of_redriven_letters(self):
        for victim in ("letters.jsonl", "take5.ini", "signals.jsonl"):
            os.remove(self.path("letters.jsonl.redriven"))
            os.symlink(victim, self.path("letters.jsonl.redriven"))
            with self.subTest(victim=victim):
                self.refused("dlq", "-c", "take5.ini", "redrive", "--through", "good")
                self.refused("dlq", "-c", "take5.ini", "redrive", "--brokers", "127.0.0.1:1",
                             "--to-topic", "t")

    def test_files_that_are_not_there_yet(self):
        os.remove(self.path("signals.jsonl"))
        os.symlink("signals.jsonl", self.path("soft"))
        for out in ("signals.jsonl", "soft", "strategies/../signals.jsonl"):
            self.refused("replay", "-c", "take5.ini", "-o", out, "day.jsonl")
            self.refused("record", "-c", "take5.ini", "-o", out)

    def test_paths_of_the_configuration_are_judged_where_they_stand(self):
        os.symlink("signals.jsonl", self.path("other"))
        os.link(self.path("take5.ini"), self.path("hard"))
        for section, names in (("dead_letters", ("other", "[sink:jsonl] path")),
                               ("journal", ("hard", "take5.ini")),
                               ("log", ("other", "[log] path")),
                               ("sink:jsonl", ("service.log", "[log] path"))):
            before = self.content()
            for command in ("run", "check"):
                done = self.take5(command, "-c", "take5.ini", "-s", f"{section}.path={names[0]}",
                                  code=78)
                said = done.stderr.decode()
                self.assertIn(f"[{section}] path", said)
                self.assertIn(names[1], said)
            self.assertEqual(self.content(), before)

    def test_what_the_service_reads_it_does_not_write(self):
        os.mkdir(self.path("strategies/lib"))
        self.write("secret", "hunter2\n")
        os.link(self.path("secret"), self.path("hard"))
        os.symlink("strategies/good.so", self.path("soft"))
        self.write("strategies/libx.so.1", "library\n")
        self.write("take5.ini", INI.replace("[log]", "sasl.password.file = secret\n"
                                            "ssl.key.location = absent.key\n[log]"))
        self.write("strategies.d/good.ini", "[strategy:good]\ntable = weights.csv\n")
        before = self.content()
        for victim, named in (("strategies/good.so", "good.so"), ("soft", "good.so"),
                              ("strategies/libx.so.1", "libx.so.1"), ("secret", "secret"),
                              ("hard", "secret"), ("absent.key", "ssl.key.location"),
                              ("strategies.d/weights.csv", "[strategy:good] table")):
            for section in ("log", "sink:jsonl", "dead_letters", "journal"):
                for command in ("run", "check"):
                    with self.subTest(victim=victim, section=section, command=command):
                        said = self.take5(command, "-c", "take5.ini", "-s",
                                          f"{section}.path={victim}", code=78).stderr.decode()
                        self.assertIn(f"[{section}] path", said)
                        self.assertIn(named, said)
        self.assertEqual(self.content(), before)

    def test_an_old_result_stays_until_there_is_a_new_one(self):
        os.mkdir(self.path("broken"))
        self.write("broken/broken.so", b"\x7fELF and no more\n" * 100)
        self.write("gzip", gzip.compress(LINE)[:30])
        old = '{"old":"result"}\n' * 10_000
        for name, arguments in {
                "no strategy": ["strategies.d", "day.jsonl"],
                "a broken one": ["broken/broken.so", "day.jsonl"],
                "a parameter": ["-s", "strategy:good.nonsense=1", "strategies/good.so",
                                "day.jsonl"],
                "no input": ["strategies/good.so", "absent.jsonl"],
                "no recording": ["strategies/good.so", "gzip"],
                "a bad line": ["--strict", "strategies/good.so", self.write("bad", "{\n")]}.items():
            with self.subTest(fault=name):
                self.write("out", old)
                self.take5("replay", "-q", "-o", "out", *arguments, code=1)
                self.assertEqual(self.content()[self.path("out")], old.encode())
        self.take5("replay", "-q", "-s", "strategy:good.every=1", "-o", "out",
                   "strategies/good.so", "day.jsonl")
        new = self.content()[self.path("out")]
        self.assertNotIn(b"old", new)
        self.assertTrue(new.startswith(b"{") and new.endswith(b"}\n"), new)
        self.write("out", old)
        self.take5("replay", "-q", "-o", "out", "strategies/good.so", "/dev/null")
        self.assertEqual(self.content()[self.path("out")], b"", "that is its result")

    def test_what_is_no_other_file_is_written(self):
        self.take5("replay", "-q", "-c", "take5.ini", "-o", "new.jsonl", "day.jsonl")
        self.assertGreater(os.path.getsize(self.path("new.jsonl")), 0)
        self.take5("replay", "-q", "-c", "take5.ini", "-o", "new.jsonl", "day.jsonl")
        self.take5("replay", "-q", "-c", "take5.ini", "-o", "/dev/null", "day.jsonl", "/dev/null")
        with open(self.path("day.jsonl"), "rb") as file:
            self.take5("replay", "-q", "-c", "take5.ini", "-", data=file.read())
        self.take5("dlq", "-c", "take5.ini", "list")


def zstd(data):
    """By the library, since neither Python 3.11 nor each machine has a program for it."""
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_compressBound.restype = library.ZSTD_compress.restype = ctypes.c_size_t
    library.ZSTD_compressBound.argtypes = [ctypes.c_size_t]
    library.ZSTD_compress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p,
                                      ctypes.c_size_t, ctypes.c_int]
    room = ctypes.create_string_buffer(library.ZSTD_compressBound(len(data)))
    size = library.ZSTD_compress(room, len(room), data, len(data), 3)
    return room.raw[:size]


class Forms(Scene):
    """What a recording may be beside lines of JSON."""

    def signals(self, *arguments, **options):
        return self.take5("replay", "-q", "-c", "take5.ini", *arguments, **options).stdout

    def read(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def test_packed_files_give_the_same_signals(self):
        whole = self.read("day.jsonl")
        expected = self.signals("day.jsonl")
        self.assertEqual(expected.count(b"\n"), 20)
        half = len(b"".join(RECORDED % i for i in range(9)))
        for name, pack in (("gz", gzip.compress), ("zst", zstd)):
            file = self.write("packed", pack(whole[:half]) + pack(whole[half:]))
            with self.subTest(form=name):
                self.assertEqual(self.signals(file), expected)
                self.assertEqual(self.signals("--journal", "journal", file), expected)
                self.assertEqual(self.signals("-", data=self.read(file)), expected)
            letters = self.write("letters", pack(b"".join(LETTER % i for i in range(3))))
            listed = self.take5("dlq", "-c", "take5.ini", "--file", letters, "list", "--json")
            self.assertEqual(listed.stdout.count(b"\n"), 3)

    def test_what_came_before_the_cut_is_replayed(self):
        whole = self.read("day.jsonl")
        first = zstd(whole)
        file = self.write("cut.zst", first + zstd(whole)[:-5])
        done = self.take5("replay", "-q", "-c", "take5.ini", file, code=1)
        self.assertEqual(done.stdout, self.signals("day.jsonl"))
        self.assertIn(f"within the part that begins at byte {len(first)}", done.stderr.decode())

    def test_little_that_unpacks_to_much_ends(self):
        line = zstd(self.read("day.jsonl"))
        file = self.write("bomb", line + zstd(b"\n" * (1 << 20)) * 1000)
        process = self.start("replay", "-q", "-c", "take5.ini", "-o", "/dev/null", file,
                             stderr=subprocess.PIPE)
        said = process.stderr.read().decode()
        self.assertIn("made to do harm", said)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 1)
        if VARIANT == "plain":
            self.assertLess(usage.ru_maxrss, 150_000, "KiB")

    def test_rows_of_csv_are_messages(self):
        rows = b"Date,Open,Close,Volume\n" + b"".join(
            b"2024-06-17T13:%02d:00Z,1,%d.5,\n" % (i, i) for i in range(20))
        file = self.write("day.csv", rows)
        mapping = "symbol:QQQ,timestamp=date,price=close,barData.barTimeFrame:60"
        lines = [json.loads(line) for line in self.signals("--map", mapping, file).splitlines()]
        self.assertEqual([(line["symbol"], line["price"], line["time_frame"]) for line in lines],
                         [("QQQ", i + 0.5, 60) for i in range(20)])
        self.assertEqual(lines[3]["event_time"], "2024-06-17T13:03:00.000Z")
        packed = self.write("day.csv.gz", gzip.compress(rows))
        self.assertEqual(self.signals("--map", mapping, packed), self.signals("--map", mapping, file))
        same = self.signals("--map", mapping, "--lanes", "1", "day.jsonl")
        self.assertEqual(same, self.signals("day.jsonl"), "lines of JSON beside it stay such")

    def test_a_bad_row_is_told_with_its_line(self):
        file = self.write("day.csv", b"symbol,timestamp,price\nA,1718658930,1\nA,2\n")
        done = self.take5("replay", "-q", "-c", "take5.ini", "--map", "price=price", file)
        self.assertIn("day.csv:3: line has another number of cells", done.stderr.decode())
        self.assertEqual(done.stdout.count(b"\n"), 1)

    def test_a_wrong_mapping_is_said(self):
        file = self.write("day.csv", b"symbol,timestamp,price\nA,1718658930,1\n")
        for mapping, code, word in (("price", 2, "must be PATH=COLUMN"),
                                    ("price=close", 1, "no column \"close\"; it has: symbol,"),
                                    ("symbol.a=price", 1, "no column of the CSV is \"symbol\"")):
            with self.subTest(mapping=mapping):
                said = self.take5("replay", "-q", "-c", "take5.ini", "--map", mapping, file,
                                  code=code).stderr.decode()
                self.assertIn(word, said)
        said = self.take5("replay", "-c", "take5.ini", "--map", "a=price", "--journal", "journal",
                          file, code=2).stderr.decode()
        self.assertIn("rows of CSV have no offsets", said)


class Kinds(Scene):
    FOREIGN = {
        "gzip that is cut": (gzip.compress(LINE + b"\n")[:60], "truncated: its gzip data ends at"),
        "zstd that is cut": (b"\x28\xb5\x2f\xfd\x04\x58\xc5\x02\x00",
                             "truncated: its zstd data ends at byte 9"),
        "gzip that is damaged": (gzip.compress(LINE + b"\n")[:-8] + b"12345678",
                                 "damaged at about byte"),
        "gzip in gzip": (gzip.compress(gzip.compress(LINE)), "gunzip"),
        "gzip of prose": (gzip.compress(b"hello\nworld\n"), "none of its 2 lines"),
        "bzip2": (b"BZh91AY&SY\n", "bunzip2"),
        "UTF-16": (LINE.decode().encode("utf-16"), "iconv"),
        "a JSON array": (b"[" + LINE + b", " + LINE + b"]", "jq -c '.[]'"),
        "a JSON array, a line each": (b"[\n" + LINE + b",\n" + LINE + b"\n]\n", "jq -c '.[]'"),
        "pretty-printed JSON": (b'{\n  "symbol": "QQQ",\n  "price": 1\n}\n', "jq -c ."),
        "rpk's objects": (b'{\n  "topic": "bar_trends",\n  "value": "{}",\n  "offset": 0\n}\n',
                          "payload:.value"),
        "rpk's lines": (b'{"topic": "bar_trends", "key": "QQQ", "value": "{}", "partition": 0, '
                        b'"offset": 0}\n', "payload:.value"),
        "CSV": (b"symbol,timestamp,price\nQQQ,2024-06-17T21:15:30Z,1\n", "--map"),
        "a console consumer's": (b"QQQ\t" + LINE + b"\nQQQ\t" + LINE + b"\n", "sed "),
        "with all": (b"CreateTime:1718658930123\tPartition:0\tQQQ\t" + LINE + b"\n", "sed "),
        "NUL bytes": (b"\0" * 5000, "NUL"),
        "prose": (b"hello\nworld\n", "none of its 2 lines"),
    }
    HARMLESS = {
        "a byte order mark": b"\xef\xbb\xbf%s\n%s\n",
        "CRLF": b"%s\r\n%s\r\n",
        "blank lines and no last break": b"\n%s\n\n  \n%s",
        "a line that is cut": b"%s\n%s\n" + LINE[:30],
        "a tail of NUL bytes": b"%s\n%s\n" + b"\0" * 4096,
    }

    def test_what_is_no_recording_is_named_and_what_to_do(self):
        for name, (data, word) in self.FOREIGN.items():
            file = self.write("file", data)
            for arguments in (["replay", "-q", "-c", "take5.ini", file],
                              ["replay", "-q", "--strict", "-c", "take5.ini", file],
                              ["replay", "-q", "-c", "take5.ini", "--journal", "journal", file],
                              ["dlq", "-c", "take5.ini", "--file", file, "list"]):
                with self.subTest(kind=name, command=arguments):
                    said = self.take5(*arguments, code=1).stderr.decode()
                    self.assertTrue(word in said or "--strict" in arguments or
                                    "--journal" in arguments, said)
            with self.subTest(kind=name, command="stdin"):
                self.take5("replay", "-q", "-c", "take5.ini", "-", data=data, code=1)

    def test_what_is_no_journal_either(self):
        for name, (data, _) in self.FOREIGN.items():
            with self.subTest(kind=name):
                said = self.take5("replay", "-q", "-c", "take5.ini", "--journal",
                                  self.write("file", data), "day.jsonl", code=1).stderr.decode()
                self.assertIn("file:1: is not a run of messages", said)

    def test_the_record_command_goes_on_with_none_of_them(self):
        for name, (data, word) in self.FOREIGN.items():
            with self.subTest(kind=name):
                file = self.write("file", data if data.endswith(b"\n") else data + b"\n")
                before = self.content()
                said = self.take5("record", "-c", "take5.ini", "-o", file, code=1).stderr.decode()
                self.assertIn("file", said)
                self.assertEqual(self.content(), before, word)

    def test_what_is_harmless_is_taken(self):
        for name, form in self.HARMLESS.items():
            with self.subTest(kind=name):
                file = self.write("file", form % (LINE, LINE))
                done = self.take5("replay", "-c", "take5.ini", "-o", "/dev/null", file)
                self.assertIn("replayed 2 messages", done.stderr.decode())
                letters = (LETTER[:-1] % 0, LETTER[:-1] % 1)
                file = self.write("file", form % letters)
                listed = self.take5("dlq", "-c", "take5.ini", "--file", file, "list", "--json",
                                    code=1 if "NUL" in name else 0)
                self.assertEqual(listed.stdout.count(b"\n"), 2)

    def test_nothing_is_good_of_a_file_whose_messages_are_all_bad(self):
        file = self.write("file", b'{"price":1}\n{"price":2}\n')
        said = self.take5("replay", "-q", "-c", "take5.ini", "--topic", "bar_trends", file,
                          code=1).stderr.decode()
        self.assertIn("of 2 messages none", said)
        file = self.write("file", RECORDED.replace(b"bar_trends", b"elsewhere") % 0)
        said = self.take5("replay", "-q", "-c", "take5.ini", file, code=1).stderr.decode()
        self.assertIn("1 line of topics that are not configured", said)

    def test_blank_lines_are_no_recording(self):
        for content in (b"\n\n", b" ", b"\xef\xbb\xbf\r\n"):
            with self.subTest(content=content):
                said = self.take5("replay", "-q", "-c", "take5.ini", self.write("blank", content),
                                  code=1).stderr.decode()
                self.assertRegex(said, r"blank: none of its \d lines? is valid")

    def test_nothing_is_wrong_with_less(self):
        self.take5("replay", "-q", "-c", "take5.ini", self.write("empty", b""))
        late = ("--from", "2100-01-01T00:00:00Z")
        for options in (("--symbols", "XYZ"), late, (*late, "--symbols", "XYZ")):
            said = self.take5("replay", "-q", "-c", "take5.ini", *options,
                              "day.jsonl").stderr.decode()
            self.assertIn("excluded every message", said)
            for option in ("--from", "--symbols"):
                self.assertEqual(option in said, option in options, said)
        self.assertEqual(self.take5("replay", "-q", "-c", "take5.ini", "--until",
                                    "2100-01-01T00:00:00Z", "day.jsonl").stderr, b"")
        self.take5("dlq", "-c", "take5.ini", "--file", "empty", "list")

    def test_symbols_that_nothing_is_of_are_named(self):
        for symbols, word in (("XYZ", "XYZ"), ("QQQ,XYZ", "1 of the 2"), ("QQQ", None)):
            said = self.take5("replay", "-q", "-c", "take5.ini", "-o", "out", "--symbols", symbols,
                              "day.jsonl").stderr.decode()
            self.assertIn(word or "", said)
            self.assertEqual("XYZ" in said, word is not None)
        said = self.take5("replay", "-q", "-c", "take5.ini", "--journal", "journal", "--symbols",
                          "XYZ", "day.jsonl").stderr.decode()
        self.assertIn("XYZ", said)

    def test_no_option_takes_quotes(self):
        for command in (["replay", "--symbols", '"QQQ"', "day.jsonl"],
                        ["replay", "--topic", "'bar_trends'", "day.jsonl"],
                        ["replay", "--symbols", "QQQ", "--symbols", "\u201CSPY\u201D", "day.jsonl"],
                        ["record", "--topic", "`bar_trends`"],
                        ["record", "--brokers", "'127.0.0.1:1'"],
                        ["feed", "--topic", 'bar_trends="x"'], ["feed", "--symbols", "'QQQ'"],
                        ["feed", "--brokers", "'127.0.0.1:1'", "--count", "1"],
                        ["feed", "-X", "client.id='x'"], ["feed", "-X", "'client.id=x'"],
                        ["dlq", "--strategy", "'good'", "list"], ["dlq", "--reason", "'r'", "list"],
                        ["dlq", "--from", "'t'", "list"], ["dlq", "--topic", "'t'", "list"],
                        ["dlq", "--brokers", "'127.0.0.1:1'", "list"],
                        ["dlq", "--through", "'good'", "redrive"],
                        ["dlq", "--to-topic", "'t'", "redrive"]):
            with self.subTest(command=command):
                done = subprocess.run([TAKE5, *command], stdin=subprocess.DEVNULL,
                                      capture_output=True, env=environment(), cwd=self.directory,
                                      timeout=60 * PATIENCE, check=False)
                self.assertIn(done.returncode, (1, 2, 78))
                self.assertTrue(b"quotes" in done.stderr or command[:2] == ["replay", "--topic"],
                                done.stderr)

    def test_input_without_an_end_ends(self):
        for command in (["replay", "-q", "-c", "take5.ini", "/dev/zero"],
                        ["replay", "-q", "-c", "take5.ini", "--journal", "/dev/zero", "day.jsonl"],
                        ["dlq", "-c", "take5.ini", "--file", "/dev/zero", "list"]):
            with self.subTest(command=command):
                self.take5(*command, code=1)


class Log(Offline):
    def test_the_first_line_says_where_the_log_is(self):
        ini = self.write("take5.ini", INI)
        os.mkdir(self.path("strategies"))
        chosen = [f"-stake5.{name}_dir={self.path(name)}" for name in ("run", "state", "cache")]
        said = self.take5("run", "-c", ini, *chosen, "--for", "1s").stderr.decode().splitlines()
        self.assertEqual(said[0], f"take5: the log is written to {self.path('service.log')} "
                                  "([log] path)")
        with open(self.path("service.log"), encoding="utf-8") as log:
            self.assertIn("event=stop.ended", log.read())


if __name__ == "__main__":
    unittest.main(verbosity=2)
