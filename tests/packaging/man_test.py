"""Nothing that the program takes is missing in its man pages: commands, options, keys, variables,
and what the SDK's headers offer. And the pages render without a word of complaint."""
import glob
import os
import re
import subprocess
import sys
import tempfile

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BUILD = os.environ["TAKE5_BUILD_DIR"]
PAGES = ("take5.1", "take5.ini.5", "take5-strategy.7")


def read(path):
    with open(os.path.join(SOURCE, path), encoding="utf-8") as file:
        return file.read()


def make(name, directory):
    page = os.path.join(directory, name)
    done = subprocess.run([os.path.join(BUILD, "packaging/take5_page"),
                           os.path.join(SOURCE, f"packaging/man/{name}.in"), page],
                          text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert not done.stdout, f"{name}:\n{done.stdout}"
    return page


def render(page):
    """The page as people see it; formatters have nothing to complain of."""
    for command in (["groff", "-man", "-Tutf8", "-ww", page],
                    ["man", "--warnings=w", "--local-file", page]):
        done = subprocess.run(command, text=True, check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8"})
        assert not done.stderr, f"{command}:\n{done.stderr}"
    return done.stdout


def parts(page):
    """The text of each command, by its name."""
    found = re.split(r"^   take5 (\S+)$", page, flags=re.M)
    return dict(zip(found[1::2], found[2::2]))


def has_entry(part, option):
    """An entry of its own, in the page's words or in those of --help; a usage line is none."""
    return re.search(rf"^ {{7}}(?:  )?(?:[a-z]+ \[)?{option}\b", part, flags=re.M) is not None


def check_options(page):
    of = parts(page)
    help_text = subprocess.run([os.path.join(BUILD, "host/take5"), "help"], text=True, check=True,
                               stdout=subprocess.PIPE).stdout
    names = re.findall(r"^  (\w+) ", help_text, flags=re.M)
    assert len(names) > 5 and sorted(names) == sorted(of), f"{names} but {list(of)}"
    general = page[:page.index("COMMANDS")]
    checked = 0
    for path in glob.glob(os.path.join(SOURCE, "host/commands/*.c")):
        text = read(path)
        command = os.path.basename(path)[:-2]
        where = of.get(command, page)
        found = re.findall(r'\{"([a-z-]+)", (?:no|required|optional)_argument, NULL, ([^}]+)\}',
                           text)
        # The one option that may stay untold is the one that tells of the others.
        for name, value in found:
            if name == "help" or is_hidden(text, name):
                continue
            short = re.fullmatch(r"'([a-z])'", value)
            assert has_entry(where, "--" + name) or \
                short and has_entry(where, "-" + short.group(1)), \
                f"take5 {command}: --{name} is not in take5(1)"
            checked += 1
        for letters in re.findall(r'getopt_long\(argc, argv, "([a-zX:]*)"', text):
            for letter in set(letters) - set(":h"):
                assert has_entry(where, "-" + letter) or has_entry(general, "-" + letter), \
                    f"take5 {command}: -{letter} is not in take5(1)"
                checked += 1
    assert checked > 40, f"only {checked} options were found"
    shared = re.findall(r'"([a-z-]+)", required_argument', read("host/commands/running.h"))
    assert len(shared) >= 2, "the options that ctl and top share were not found"
    for name in shared:
        for command in ("ctl", "top"):
            assert has_entry(of[command], "--" + name), f"take5 {command}: --{name} is not told"
    keys = re.findall(r"\{'(.)',\s*TOP_BY_", read("host/commands/top.c"))
    assert len(keys) >= 8, keys
    for key in keys:
        assert f"({key})" in of["top"], f"take5 top: the key {key} is not told"


def is_hidden(text, name):
    """Options of tests alone: what --help leaves out where there is a --help."""
    help_text = re.search(r"^static const char help\[\] =(.*?);$", text, flags=re.M | re.S)
    return help_text is not None and f"--{name}" not in help_text.group(1) and \
        re.search(rf'/\*[^*]*tests[^*]*\*/\s*\{{"{name}"', text) is not None


def check_keys(page):
    schema = read("host/config/schema.c")
    rows = re.findall(r'^    \{"([a-z0-9_:A-Z]+)", "([a-z0-9_]+)", SCHEMA_', schema, flags=re.M)
    assert len(rows) > 50, f"only {len(rows)} keys were found"
    sections = dict(zip(*[iter(re.split(r"^   \[(\S+)\]$", page, flags=re.M)[1:])] * 2))
    for section, key in rows:
        assert re.search(rf"^       {key}\b", sections[section], flags=re.M), \
            f"[{section}] {key} is not in take5.ini(5)"
    variables = re.findall(r'VARIABLE\("([A-Z_]+)"\)', read("host/config/schema_kafka.c"))
    assert len(variables) >= 10
    for name in variables:
        assert name in page, f"{name} is not in take5.ini(5)"
    for name in re.findall(r'^    \{"(?:kafka|sink:kafka)", "([a-z.]+)"',
                           read("host/config/schema_kafka.c"), flags=re.M):
        assert name in page, f"{name} is not in take5.ini(5)"


def check_sdk(page):
    """Members of the descriptor and of the services, and everything with T5_ that has a kind."""
    words = []
    for header, struct in (("host.h", "t5_services"), ("strategy.h", "t5_strategy")):
        body = re.search(rf"struct {struct} {{(.*?)^}}", read(f"sdk/include/take5/{header}"),
                         flags=re.M | re.S).group(1)
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        words += re.findall(r"\(\*(\w+)\)\(", body)
        words += re.findall(r"(\w+);$", re.sub(r"\(\*.*?;", "", body, flags=re.S), flags=re.M)
    words = [word for word in words if word != "abi_minor"]
    for header, kind in (("event.h", "T5_EVENT_"), ("strategy.h", "T5_SCOPE_"),
                         ("codes.h", "T5_")):
        text = re.sub(r"/\*.*?\*/", "", read(f"sdk/include/take5/{header}"), flags=re.S)
        words += [name for name in re.findall(r"^    (T5_\w+) = ", text, flags=re.M)
                  if name.startswith(kind) and not name.startswith(("T5_LOG_", "T5_CLOCK_"))]
    words += re.findall(r"^static inline \w+ \*?(t5_\w+)\(",
                        re.sub(r"t5_format_length", "", read("sdk/include/take5/host.h")),
                        flags=re.M)
    assert len(words) > 50, words
    for word in words:
        assert re.search(rf"\b{word}\b", page), f"{word} is not in take5-strategy(7)"


def main():
    with tempfile.TemporaryDirectory() as directory:
        rendered = {name: render(make(name, directory)) for name in PAGES}
    check_options(rendered["take5.1"])
    check_keys(rendered["take5.ini.5"])
    check_sdk(rendered["take5-strategy.7"])
    return 0


sys.exit(main())
