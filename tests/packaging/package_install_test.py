"""The packages, installed into clean machines: the demo runs, the configuration is good, a strategy
is built from the SDK package alone, and a purge leaves nothing."""
import os
import re

import debs
from machine import alone, machine, run, say, work_directory

# What apt and dpkg write down of their own work.
BOOKS = ("/var/lib/dpkg", "/var/lib/apt", "/var/cache/apt", "/var/cache/ldconfig",
         "/var/cache/debconf", "/var/log", "/tmp", "/proc", "/sys", "/dev", "/run",
         "/etc/ld.so.cache", "/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-")
USERS = ("/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow")


def demo(tree, user, wanted=r"messages in, [1-9]\d* decoded"):
    # The mock broker lets a group join after 3 s; on a busy machine 5 s may end before that.
    for duration in ("5s", "30s", "120s"):
        said = tree.run(["take5", "run", "--demo", "--for", duration], user=user,
                        environment={"HOME": "/tmp"})
        if re.search(wanted, said):
            return
    raise AssertionError(f"the demo as {user or 'root'} does not say {wanted}:\n{said}")


def next_version(tree):
    """The package as the next release might have it: with another take5.ini. Its path in the tree."""
    folder = os.path.join(work_directory(), "next")
    run(["dpkg-deb", "--raw-extract", debs.deb("take5"), folder])
    with open(folder + "/etc/take5/take5.ini", "a", encoding="utf-8") as file:
        file.write("# The next release.\n")
    control = folder + "/DEBIAN/control"
    with open(control, encoding="utf-8") as file:
        text = re.sub(r"^(Version: .*)$", r"\1+next", file.read(), flags=re.M)
    with open(control, "w", encoding="utf-8") as file:
        file.write(text)
    run(["dpkg-deb", "--root-owner-group", "--build", folder, tree.path("/tmp/next.deb")])
    return "/tmp/next.deb"


def check_upgrade(tree):
    say("settings in take5.d survive an upgrade, which asks nothing")
    tree.write("/etc/take5/take5.d/50-site.ini", "[take5]\nlanes = 3\n[strategy:console]\nevery = 7\n")
    asked = tree.run(["dpkg", "--install", next_version(tree)])
    assert "onfiguration file" not in asked, asked
    assert tree.read("/etc/take5/take5.ini").endswith("# The next release.\n")
    settings = tree.run(["take5", "check", "--settings"])
    for line in ("take5.lanes = 3 (/etc/take5/take5.d/50-site.ini:2)",
                 "strategy:console.every = 7 (/etc/take5/take5.d/50-site.ini:4)"):
        assert line in settings, settings
    tree.run(["take5", "check"])


def check_host():
    with machine("base") as tree:
        # What the package needs, so that it alone makes the difference.
        depends = [re.sub(r"\s*\(.*?\)", "", part).strip()
                   for part in debs.control("take5", "Depends").split(",")]
        tree.apt("install", *depends)
        before = tree.files(*BOOKS)
        users = [tree.read(path) for path in USERS]

        tree.run(["dpkg", "--install"] + debs.put(tree, "take5"))
        assert re.search(r"^take5:x:\d+:\d+:[^:]*:/var/lib/take5:/usr/sbin/nologin$",
                         tree.read("/etc/passwd"), re.M), tree.read("/etc/passwd")

        say("the installed configuration is good, and the strategies are found")
        tree.run(["take5", "check", "-c", "/etc/take5/take5.ini"])
        listed = tree.run(["take5", "list"])
        for strategy in ("console", "cross", "momentum", "trend"):
            assert re.search(rf"^{strategy}\b", listed, re.M), listed

        say("the demo runs, as root and as nobody")
        demo(tree, None)
        demo(tree, "nobody:nogroup")

        say("configuration that was changed survives a removal")
        tree.write("/etc/take5/strategies.d/alpha.ini", "[strategy:alpha]\nplugin = momentum\n")
        tree.run(["take5", "check", "-c", "/etc/take5/take5.ini"])
        tree.run(["dpkg", "--remove", "take5"])
        assert os.path.exists(tree.path("/etc/take5/strategies.d/alpha.ini"))
        assert not os.path.exists(tree.path("/usr/bin/take5"))

        say("a purge leaves nothing")
        tree.run(["dpkg", "--install"] + debs.put(tree, "take5"))
        check_upgrade(tree)
        for folder in ("lib", "cache", "log"):
            os.makedirs(tree.path(f"/var/{folder}/take5/deep"))
            tree.write(f"/var/{folder}/take5/deep/file", "something")
        tree.write("/etc/take5/strategies.d/mine.ini", "[strategy:mine]\n")
        told = tree.run(["dpkg", "--purge", "take5"])
        for path in ("/var/lib/take5", "/var/cache/take5", "/var/log/take5", "/etc/take5"):
            assert re.search(rf"take5: purge removes {path} \([\d.]+[KMG]\): \w", told), told
        after = tree.files(*BOOKS)
        changes = {path: (before.get(path), after.get(path)) for path in set(before) | set(after)
                   if before.get(path) != after.get(path)}
        assert not changes, f"left by a purge: {changes}"
        left = [path for folder in ("lib", "cache", "log") for path in [f"/var/{folder}/take5"]
                if os.path.exists(tree.path(path))]
        assert not left, left
        assert users == [tree.read(path) for path in USERS], "users or groups are left"


STRATEGY = """
#include <take5/take5.h>
static int32_t create(const t5_create_args *args, void **self) { *self = args->host; return T5_OK; }
static void destroy(void *self) { (void)self; }
static int32_t on_message(void *self, const t5_message *message) {
    if (!(message->flags & T5_MESSAGE_HAS_CLOSE))
        return T5_OK;
    const t5_signal signal = t5_signal_init("seen", message->close, 1.0);
    return t5_emit(self, &signal);
}
static const char *const topics[] = {"bar_trends", NULL};
T5_STRATEGY("outside", "1.0.0", .summary = "built from the package", .topics = topics,
            .create = create, .destroy = destroy, .on_message = on_message);
"""

KIT = r"""
#include <take5/testkit.h>
#include <assert.h>
int main(void) {
    t5_kit *kit = t5_kit_new();
    assert(t5_kit_open(kit, "/tmp/outside.so") == T5_OK);
    assert(t5_kit_start(kit) == T5_OK);
    assert(t5_kit_json(kit, "bar_trends", "{\"symbol\":\"QQQ\",\"barData\":{\"close\":485.25},"
                                          "\"timestamp\":\"2024-06-17T21:15:30Z\"}") == T5_OK);
    assert(t5_kit_signal_count(kit) == 1 && t5_kit_signal_at(kit, 0)->value == 485.25);
    t5_kit_free(kit);
}
"""


def check_sdk():
    with machine("author") as tree:
        debs.install(tree, "take5", "take5-sdk", "take5-python")

        say("a strategy is built with the compiler and pkg-config alone")
        tree.write("/tmp/outside.c", STRATEGY)
        tree.run(["sh", "-ec", "cc -Wall -Wextra -Werror $(pkg-config --cflags take5-sdk) -shared "
                  "-fPIC /tmp/outside.c -o /tmp/outside.so"])
        said = tree.run(["take5", "inspect", "/tmp/outside.so"])
        assert "outside" in said and "1.0.0" in said, said
        tree.run(["take5", "check", "/tmp/outside.so"])

        say("and with the template and its CMake package")
        tree.run(["sh", "-ec", "cp -r $(pkg-config --variable=templatedir take5-sdk) /tmp/mine && "
                  "cd /tmp/mine && cmake -S . -B build -G Ninja && cmake --build build"])
        tree.run(["take5", "check", "/tmp/mine/build/momentum.so"])

        say("and tested with the kit")
        tree.write("/tmp/kit.c", KIT)
        tree.run(["sh", "-ec", "cc $(pkg-config --cflags take5-testkit) /tmp/kit.c -o /tmp/kit "
                  "$(pkg-config --libs take5-testkit) && /tmp/kit"])

        say("a script is written and says its signals")
        tree.run(["sh", "-ec", "cd /tmp && take5 new --lang python alpha && cd alpha && "
                  "take5 check -c alpha.ini && "
                  "take5 replay -q -c alpha.ini --topic bar_trends sample.jsonl > signals.jsonl"])
        assert '"name":"alpha_' in tree.read("/tmp/alpha/signals.jsonl")

        say("it is dropped, loaded and says its signals")
        folder = tree.run(["sh", "-c", "echo /usr/lib/*/take5/strategies"]).strip()
        tree.run(["cp", "/tmp/outside.so", folder])
        demo(tree, None, r"outside.*seen|seen.*outside")


def main():
    check_host()
    check_sdk()
    return 0


alone(main)
