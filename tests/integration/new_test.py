#!/usr/bin/python3
"""`take5 new`: what it writes builds and passes its own tests, against an installed SDK."""
import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import unittest

from offline import BUILD, PATIENCE, TAKE5, Offline

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
LANGUAGES = {"c": "c", "c++": "cpp"}


def run(*command, **options):
    """To its end, which must be good; gives what it says."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300 * PATIENCE, check=False,
                          **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Written(Offline):
    """Each is written, built and tested once."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="take5-")
        cls.addClassCleanup(cls.work.cleanup)
        cls.prefix = os.path.join(cls.work.name, "prefix")
        run("cmake", "--install", BUILD, "--component", "sdk", "--prefix", cls.prefix)
        cls.folders = {}

    def written(self, language):
        """The folder of a strategy in that language, built."""
        if language in self.folders:
            return self.folders[language]
        name = f"alpha-{LANGUAGES[language]}_1"
        run(TAKE5, "new", name, "--lang", language, cwd=self.work.name)
        folder = os.path.join(self.work.name, name)
        said = run("cmake", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}",
                   f"-DTAKE5={TAKE5}", cwd=folder)
        said += run("cmake", "--build", "build", cwd=folder)
        self.assertNotRegex(said, r"(?i)warning")
        self.folders[language] = folder
        return folder

    def test_it_builds_and_its_tests_pass(self):
        for language in LANGUAGES:
            said = run("ctest", "--test-dir", "build", "-V", cwd=self.written(language))
            self.assertIn("100% tests passed, 0 tests failed out of 2", said)
            self.assertRegex(said, r"QQQ alpha-\w+_up \d")
            self.assertRegex(said, r"fit to run \(alpha-\S+ 0\.1\.0\): \d\d ok, 0 failed, 0 skipped")

    def test_editors_are_told_how_it_is_compiled(self):
        for language, extension in LANGUAGES.items():
            folder = self.written(language)
            with open(os.path.join(folder, "build", "compile_commands.json"),
                      encoding="utf-8") as file:
                files = [entry["file"] for entry in json.load(file)]
            self.assertIn(f"{folder}/{os.path.basename(folder)}.{extension}", files)

    def test_its_tests_can_fail(self):
        folder = self.written("c")
        test = os.path.join(folder, "build", "alpha-c_1_test")
        done = subprocess.run([test, os.path.join(BUILD, "strategies", "momentum.so"),
                               os.path.join(folder, "sample.jsonl")],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("not so: ", done.stderr)

    def test_its_files(self):
        for language, extension in LANGUAGES.items():
            folder = self.written(language)
            name = os.path.basename(folder)
            self.assertEqual(sorted(os.listdir(folder)),
                             sorted([f"{name}.{extension}", f"{name}_test.{extension}",
                                     f"{name}.ini", "CMakeLists.txt", "build", "sample.jsonl"]))
            for file in os.listdir(folder):
                path = os.path.join(folder, file)
                if os.path.isfile(path):
                    with open(path, encoding="utf-8") as text:
                        self.assertNotRegex(text.read(), "@[A-Z]+@")

    def test_both_languages_say_the_same_of_the_sample(self):
        said = []
        for language in LANGUAGES:
            folder = self.written(language)
            signals = self.take5("replay", "-q", "-s", f"take5.strategy_dir={folder}/build", "-s",
                                 "take5.strict_modes=no",
                                 os.path.join(folder, "sample.jsonl")).stdout.decode()
            said.append([(s["symbol"], s["name"].rsplit("_", 1)[1], s["value"], s["confidence"])
                         for s in map(json.loads, signals.splitlines())])
        self.assertGreater(len(said[0]), 1)
        self.assertEqual(said[0], said[1])

    def test_ini_has_every_parameter_with_its_default_and_help(self):
        for language in LANGUAGES:
            folder = self.written(language)
            name = os.path.basename(folder)
            listed = json.loads(self.take5("list", "--json", "-s",
                                           f"take5.strategy_dir={folder}/build", "-s",
                                           "take5.strict_modes=no").stdout)
            with open(os.path.join(folder, f"{name}.ini"), encoding="utf-8") as file:
                text = file.read()
            self.assertIn(f"[strategy:{name}]", text)
            self.assertEqual(len(listed[0]["parameters"]), text.count(" = "))
            for parameter in listed[0]["parameters"]:
                help_text = parameter["help"][0].upper() + parameter["help"][1:]
                self.assertIn(f"; {help_text}.\n{parameter['name']} = {parameter['default']}\n",
                              text)

    def test_ini_and_strategy_fit_a_host(self):
        folder = self.written("c")
        name = os.path.basename(folder)
        os.mkdir(self.path("strategies.d"))
        with open(os.path.join(folder, f"{name}.ini"), encoding="utf-8") as file:
            self.write(f"strategies.d/{name}.ini", file.read())
        ini = self.write("take5.ini", f"[take5]\nstrategy_dir = {folder}/build\nstrict_modes = no\n"
                         "[http]\nenabled = no\n")
        said = self.take5("check", "-c", ini).stdout.decode()
        self.assertIn(f"{name}: fit to run ({name} 0.1.0)", said)


class Compiler(Offline):
    """What a strategy's author forgets in C++ is said in one sentence."""

    CLASS = """#include <take5/strategy.hpp>
class Mine %s {
  public:
    %s
};
T5_STRATEGY_CLASS(Mine, "mine", "1", "nothing", "bar_trends");
"""
    DERIVED = ": public t5::Strategy"
    USING = "using Strategy::Strategy;"
    CALLBACK = "void on_message(const t5::Message &) override {}"
    PLAIN = """#include <take5/take5.h>
static int32_t create(const t5_create_args *, void **) { return T5_OK; }
static void destroy(void *) {}
static int32_t on_message(void *, const t5_message *) { return T5_OK; }
static const char *const topics[] = {"bar_trends", nullptr};
T5_STRATEGY("mine", "1", .topics = topics, .create = create, .destroy = destroy,
            .on_message = on_message);
"""

    def errors(self, text, standard, compiler):
        done = subprocess.run([compiler, f"-std=c++{standard}", f"-I{SOURCE}/sdk/include",
                               "-fsyntax-only", self.write("mine.cpp", text)],
                              capture_output=True, text=True, check=False, timeout=300 * PATIENCE)
        return [line for line in done.stderr.splitlines() if "error:" in line]

    def test_what_is_forgotten_is_said_once(self):
        compilers = [name for name in ("g++", "clang++") if shutil.which(name)]
        self.assertNotEqual(compilers, [])
        for text, standard, said in (
                (self.CLASS % (self.DERIVED, self.CALLBACK), 17,
                 "the class of T5_STRATEGY_CLASS() has no constructor for the host: write `using "
                 "Strategy::Strategy;` below `public:`"),
                (self.CLASS % (self.DERIVED, self.USING), 20,
                 "the class of T5_STRATEGY_CLASS() lacks a callback: override "
                 "void on_message(const t5::Message &message)"),
                (self.CLASS % ("", ""), 17,
                 "the class of T5_STRATEGY_CLASS() is none: derive it from t5::Strategy"),
                (self.PLAIN, 17,
                 "T5_STRATEGY() is for C and for C++20 (-std=c++20): in older C++ use "
                 "T5_STRATEGY_BUILD(), or T5_STRATEGY_CLASS() of take5/strategy.hpp")):
            for compiler in compilers:
                errors = self.errors(text, standard, compiler)
                self.assertEqual(len(errors), 1, errors)
                self.assertIn(said, errors[0].replace("\\\"", '"'))

    def test_what_is_not_forgotten_is_not_said(self):
        self.assertEqual(self.errors(self.CLASS % (self.DERIVED, self.USING + self.CALLBACK), 17,
                                     "g++"), [])
        self.assertEqual(self.errors(self.PLAIN, 20, "g++"), [])


class Refused(Offline):
    def test_names_that_no_strategy_can_have(self):
        for name in ("Alpha", "1st", "a b", "../up", "a/b", "-x", "é", "", "a" * 64, "."):
            said = self.take5("new", "--", name, code=2).stderr.decode()
            self.assertIn("not a valid strategy name", said)
        self.assertEqual(os.listdir(self.directory), [])

    def test_names_that_a_build_has_for_itself(self):
        for name in ("test", "install", "all"):
            self.assertIn(b"a build has a target of that name",
                          self.take5("new", name, code=2).stderr)

    def test_the_longest_name(self):
        self.take5("new", "a" * 63)
        self.assertEqual(os.listdir(self.directory), ["a" * 63])

    def test_what_is_there_already_stays_as_it_is(self):
        os.mkdir(self.path("empty"))
        self.write("file", "mine")
        os.symlink("nowhere", self.path("link"))
        for name in ("empty", "file", "link"):
            self.assertIn(b"already exists", self.take5("new", name, code=1).stderr)
        self.assertEqual(sorted(os.listdir(self.directory)), ["empty", "file", "link"])
        self.assertEqual(os.listdir(self.path("empty")), [])
        with open(self.path("file"), encoding="utf-8") as file:
            self.assertEqual(file.read(), "mine")

    def test_nothing_half_written_is_left(self):
        """A limit on the size of files ends the writing in the midst of it."""
        done = subprocess.run(["sh", "-c", f"ulimit -f 4; trap '' XFSZ; exec {TAKE5} new alpha"],
                              cwd=self.directory, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("cannot write", done.stderr)
        self.assertEqual(os.listdir(self.directory), [])

    def test_mode_is_what_the_user_writes_by_default(self):
        subprocess.run(["sh", "-c", f"umask 027; exec {TAKE5} new alpha"], cwd=self.directory,
                       check=True, stderr=subprocess.DEVNULL)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("alpha")).st_mode), 0o750)
        self.assertEqual(stat.S_IMODE(os.stat(self.path("alpha/alpha.c")).st_mode), 0o640)

    def test_use_that_is_wrong(self):
        for arguments in ([], ["a", "b"], ["a", "--lang", "rust"], ["--nonsense"]):
            self.assertRegex(self.take5("new", *arguments, code=2).stderr.decode(),
                             re.escape("usage: take5 new [--lang c|c++|python] NAME"))
        self.assertEqual(os.listdir(self.directory), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
