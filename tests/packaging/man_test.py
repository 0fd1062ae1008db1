"""The man pages render without an error. Commands and options, keys and variables come
from the program's own tables; what the SDK's headers offer is written by hand, and nothing of it is
missing."""
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
    """The page as people see it; formatters have nothing to warn about."""
    for command in (["groff", "-man", "-Tutf8", "-ww", page],
                    ["man", "--warnings=w", "--local-file", page]):
        done = subprocess.run(command, text=True, check=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env={**os.environ, "MANWIDTH": "1000", "LC_ALL": "C.UTF-8"})
        assert not done.stderr, f"{command}:\n{done.stderr}"
    return done.stdout


def check_commands(page):
    """Every command with its options, as --help has them."""
    found = re.split(r"^   take5 (\S+)$", page, flags=re.M)
    parts = dict(zip(found[1::2], found[2::2]))
    for name, part in parts.items():
        told = subprocess.run([os.path.join(BUILD, "host/take5"), name, "--help"], text=True,
                              check=True, stdout=subprocess.PIPE).stdout
        options = re.findall(r"^  (?:    |-\w, )?(--?[\w-]+)", told, flags=re.M)
        for option in set(options) - {"--help"}:
            assert re.search(rf"^ {{7}}(-\w, )?{option}\b", part, flags=re.M), f"{name} {option}"
    assert len(parts) > 5, list(parts)


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
    check_commands(rendered["take5.1"])
    check_sdk(rendered["take5-strategy.7"])
    return 0


sys.exit(main())
