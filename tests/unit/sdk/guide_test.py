"""Every block of code in the author's guide compiles, and the main ones run.
    python3 guide_test.py GUIDE BUILD_DIR

The guide says before each block, in a comment that readers do not see, what it is:

    strategy FILE      a whole strategy: compiled without a warning, then run by the test kit
    test FILE of X     a test program; `run` blocks after it build and run it
    prelude, part      definitions of a strategy; a part is compiled after the prelude
    file FILE          written as it is (JSON lines are read)
    ini NAME           a deployment: `take5 check` finds nothing wrong in it
    cmake              the CMakeLists.txt for jump.c and jump_test.c: built, and ctest run
    run                commands that are run, in order, in one directory
    take5              the same, with the host's program; a signal must come out
    walk, live         commands that follow each other, from an empty directory on; the latter beside
                       a host that runs: both by tests/integration/shadow_test.py, here as shown
    shapes             the table below it: messages with just these members are of these topics
    debugger           the same under a debugger, which must stop in on_message; if it is there
    shown              commands that cannot be run here: their syntax is checked

The SDK is installed into an empty prefix first: what the guide says must work against that, and with
a program whose system has a configuration with strategies of its own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror"]
HEADERS = ["take5", "window", "stats", "symbols", "bytes", "decimal"]

RUNNER = """
#include <take5/testkit.h>
#include <stdio.h>

static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends"};

int main(int argc, char **argv) {
    t5_kit *kit = t5_kit_new();
    int32_t code = argc > 1 ? t5_kit_open(kit, argv[1]) : T5_ERROR;
    if (code == T5_OK)
        code = t5_kit_start(kit);
    for (int i = 0; code == T5_OK && i < 60; i++) {
        char json[512];
        snprintf(json, sizeof json,
                 "{\\"symbol\\":\\"S%d\\",\\"publishTime\\":{\\"take5Time\\":%lld},\\"barData\\":"
                 "{\\"barTimeFrame\\":60,\\"close\\":%d},\\"stats\\":{\\"mean\\":100}}",
                 i % 3, 1718658000000LL + i * 60000, 100 + i % 7);
        code = t5_kit_json(kit, topics[i % 3], json);
        if (code == T5_KIT_NOT_WANTED)
            code = T5_OK;
    }
    if (code == T5_OK && argc > 2)
        code = t5_kit_reload(kit);
    if (code != T5_OK)
        printf("%s\\n", t5_kit_problem(kit));
    printf("%zu signals\\n", t5_kit_signal_count(kit));
    t5_kit_free(kit);
    return code == T5_OK ? 0 : 1;
}
"""

# A signal for each message, called as its topic.
EVERY_TOPIC = """
#include <take5/take5.h>

static const char *const topics[] = {"bar_trends", "historic_stats", "asset_trends", NULL};

static int32_t create(const t5_create_args *args, void **self) {
    *self = args->host;
    return T5_OK;
}

static void destroy(void *self) {
    (void)self;
}

static int32_t on_message(void *self, const t5_message *message) {
    const t5_signal signal = t5_signal_init(topics[message->topic], 1, 1);
    return t5_emit(self, &signal);
}

T5_STRATEGY("every_topic", "1.0.0", .topics = topics, .create = create, .destroy = destroy,
            .on_message = on_message);
"""


class Block:
    def __init__(self, check, language, line, text):
        self.words = check.split()
        self.kind = self.words[0] if self.words else ""
        self.language, self.line, self.text = language, line, text


def blocks_of(path):
    """The blocks of the guide. One without a word on what it is, is an error."""
    blocks, check, fence = [], "", None
    with open(path, encoding="utf-8") as guide:
        for number, line in enumerate(guide, 1):
            if fence is not None:
                if line.startswith("```"):
                    if fence.language != "text":
                        blocks.append(fence)
                    fence, check = None, ""
                else:
                    fence.text += line
            elif line.startswith("```"):
                fence = Block(check, line[3:].strip(), number, "")
                if not fence.words and fence.language != "text":
                    sys.exit("%s:%d: a block of %s that no test knows" %
                             (path, number, fence.language or "?"))
            elif line.startswith("<!-- check:"):
                check = re.fullmatch(r"<!-- check: (.*) -->\n", line)[1]
                if check == "shapes":
                    blocks.append(Block(check, "", number, ""))
            elif check == "shapes" and line.startswith("|"):
                blocks[-1].text += line
            elif line.strip():
                check = ""
    return blocks


class Guide:
    def __init__(self, path, build, work):
        self.path, self.build, self.work = path, build, work
        self.prefix = os.path.join(work, "prefix")
        self.prelude = ""
        self.environment = dict(os.environ, HOME=work)
        self.walked = None

    def fail(self, block, text):
        sys.exit("%s:%d (%s): %s" % (self.path, block.line, " ".join(block.words), text))

    def command(self, block, arguments, **more):
        done = subprocess.run(arguments, cwd=more.pop("cwd", self.work), env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False, timeout=240, **more)
        if done.returncode != 0:
            self.fail(block, "%s\nexit %d\n%s" % (" ".join(arguments), done.returncode,
                                                  done.stdout))
        return done.stdout

    def write(self, name, text):
        with open(os.path.join(self.work, name), "w", encoding="utf-8") as file:
            file.write(text)

    def install(self):
        nowhere = Block("installation", "", 0, "")
        self.command(nowhere, ["cmake", "--install", self.build, "--component", "sdk", "--prefix",
                               self.prefix])
        directories = {}
        for directory, _, files in os.walk(self.prefix):
            for file in files:
                directories[file] = directory
        self.environment["PKG_CONFIG_PATH"] = directories["take5-sdk.pc"]
        self.environment["PATH"] = os.path.join(self.build, "tests", "installed", "bin") + ":" + os.environ["PATH"]
        self.include = ["-I" + os.path.dirname(directories["take5.h"])]
        self.write("runner.c", RUNNER)
        self.command(nowhere, ["sh", "-c", "cc runner.c $(pkg-config --cflags --libs "
                               "take5-testkit) -o runner"])

    # ---- one function a kind ----

    def strategy(self, block):
        name = block.words[1]
        self.write(name, block.text)
        compiler = ["c++", "-std=c++17"] if name.endswith(".cpp") else ["cc", "-std=c11"]
        library = os.path.splitext(name)[0] + ".so"
        self.command(block, compiler + WARNINGS + self.include +
                     ["-O2", "-shared", "-fPIC", "-fvisibility=hidden", name, "-o", library])
        arguments = ["./runner", "./" + library]
        if "save" in block.text:
            arguments.append("reload")
        self.command(block, arguments)
        if name.endswith(".cpp"):
            symbols = self.command(block, ["readelf", "-sW", library])
            if " UNIQUE " in symbols:
                self.fail(block, "has statics that versions of the file share")

    def test(self, block):
        self.write(block.words[1], block.text)

    def take_prelude(self, block):
        self.prelude = "".join("#include <take5/%s.h>\n" % header for header in HEADERS)
        self.prelude += block.text

    def part(self, block):
        self.write("part.c", self.prelude + '#line %d "%s"\n' % (block.line + 1, self.path) +
                   block.text)
        self.command(block, ["cc", "-std=c11", "-fsyntax-only"] + WARNINGS +
                     ["-Wno-unused-function", "-Wno-unused-const-variable",
                      "-Wno-unused-variable"] + self.include + ["part.c"])

    def file(self, block):
        if block.language == "json":
            for line in block.text.splitlines():
                json.loads(line)
        self.write(block.words[1], block.text)

    def ini(self, block):
        self.write(block.words[1] + ".ini", "[take5]\nstrategy_dir = .\n" + block.text)
        output = self.command(block, ["take5", "check", "-c", block.words[1] + ".ini"])
        if "warning" in output:
            self.fail(block, output)

    def cmake(self, block):
        project = os.path.join(self.work, "project")
        os.mkdir(project)
        for name in ("jump.c", "jump_test.c"):
            os.link(os.path.join(self.work, name), os.path.join(project, name))
        self.write("project/CMakeLists.txt", block.text)
        self.command(block, ["cmake", "-S", project, "-B", "project/build",
                             "-DCMAKE_PREFIX_PATH=" + self.prefix])
        self.command(block, ["cmake", "--build", "project/build"])
        output = self.command(block, ["ctest", "--test-dir", "project/build"])
        if "100% tests passed" not in output:
            self.fail(block, output)

    def run(self, block):
        self.command(block, ["sh", "-eu"], input=block.text)

    def take5(self, block):
        output = self.hosted(block)
        if '"jump"' not in output:
            self.fail(block, "no signal came out:\n" + output)

    def walk(self, block):
        """Each block is a shell of its own, where the last one was. Gives what it printed."""
        if self.walked is None:
            self.walked = os.path.join(self.work, "walk")
            os.mkdir(self.walked)
        told = os.path.join(self.work, "walked")
        environment = dict(self.environment, CMAKE_PREFIX_PATH=self.prefix)
        done = subprocess.run(["sh", "-eu"], input="%s\npwd > %s\n" % (block.text, told),
                              cwd=self.walked, env=environment, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False, timeout=240)
        if done.returncode != 0:
            self.fail(block, "exit %d\n%s" % (done.returncode, done.stdout))
        with open(told, encoding="utf-8") as file:
            self.walked = file.read().strip()
        return done.stdout

    def shapes(self, block):
        self.write("every_topic.c", EVERY_TOPIC)
        self.command(block, ["cc", *self.include, "-shared", "-fPIC", "-fvisibility=hidden",
                             "every_topic.c", "-o", "every_topic.so"])
        rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", block.text, re.MULTILINE)
        if len(rows) != 3:
            self.fail(block, "no table of topics")
        for role, words in rows:
            for alternative in words.split(", or "):
                names = re.findall(r"`(\w+)`", alternative)
                self.assert_shape(block, role, names)
                for name in names if len(names) > 1 else ():
                    self.assert_shape(block, None, [name])

    def assert_shape(self, block, role, names):
        members = "".join(',"%s":null' % name for name in names)
        line = '{"symbol":"A","timestamp":"2024-06-17T21:15:30Z"%s}\n' % members
        done = subprocess.run(["take5", "replay", "-q", "./every_topic.so", "-"], input=line,
                              cwd=self.work, env=self.environment, capture_output=True, text=True, check=False)
        topics = [json.loads(each)["name"] for each in done.stdout.splitlines()]
        if (topics != [role] if role is not None else "by its members" not in done.stderr):
            self.fail(block, "%s: %s\n%s" % (names, topics, done.stderr))

    def debugger(self, block):
        if shutil.which("gdb") is None:
            self.shown(block)
            return
        output = self.hosted(block)
        if "hit Breakpoint 1" not in output and "Breakpoint 1, on_message" not in output:
            self.fail(block, "did not stop:\n" + output)

    def hosted(self, block):
        """Where nothing is but what the guide has had written so far."""
        with tempfile.TemporaryDirectory(dir=self.work) as directory:
            for name in ("jump.c", "jump.so", "sample.jsonl"):
                shutil.copy(os.path.join(self.work, name), directory)
            return self.command(block, ["sh", "-eu"], input=block.text, cwd=directory)

    def shown(self, block):
        self.command(block, ["sh", "-n"], input=block.text)

    def check(self, block):
        kinds = {"strategy": self.strategy, "test": self.test, "prelude": self.take_prelude,
                 "part": self.part, "file": self.file, "ini": self.ini, "cmake": self.cmake,
                 "run": self.run, "take5": self.take5, "shapes": self.shapes,
                 "debugger": self.debugger, "walk": self.shown, "live": self.shown,
                 "shown": self.shown}
        if block.kind not in kinds:
            self.fail(block, "what is that?")
        kinds[block.kind](block)


def main():
    path, build = sys.argv[1:]
    blocks = blocks_of(path)
    with tempfile.TemporaryDirectory() as work:
        guide = Guide(path, os.path.abspath(build), work)
        guide.install()
        counts = {}
        for block in blocks:
            guide.check(block)
            counts[block.kind] = counts.get(block.kind, 0) + 1
    print(", ".join("%d %s" % (count, kind) for kind, count in sorted(counts.items())))
    for kind in ("strategy", "test", "part", "run", "take5", "walk", "live", "shapes",
                 "cmake"):
        if kind not in counts:
            sys.exit("the guide has no block of kind " + kind)


if __name__ == "__main__":
    main()
