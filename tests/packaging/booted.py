"""A clean machine that is booted: systemd as process 1, in namespaces of its own."""
import contextlib
import os
import shutil
import subprocess
import tempfile
import time

from machine import leave_network, say, work_directory

# What a machine of hardware would have and this one must leave alone.
MASKED = ("console-getty.service", "dev-hugepages.mount", "getty.target",
          "kmod-static-nodes.service", "modprobe@.service", "proc-sys-fs-binfmt_misc.automount",
          "sys-fs-fuse-connections.mount",
          "sys-kernel-config.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount",
          "systemd-ask-password-console.path", "systemd-ask-password-wall.path",
          "systemd-logind.service", "systemd-modules-load.service", "systemd-random-seed.service",
          "systemd-sysctl.service", "systemd-udevd.service", "systemd-update-utmp.service")

BOOT = r"""
set -e
tree=$1 group=$2
echo $$ >"$group/cgroup.procs"
exec unshare --mount --propagation private --pid --fork --kill-child=KILL --uts --ipc --cgroup \
    sh -ec '
tree=$1
mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs tmpfs tmp
pivot_root . mnt
umount -l mnt
exec env -i container=take5-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    setpriv --bounding-set=-sys_time,-sys_module,-sys_boot,-sys_rawio,-syslog \
    /lib/systemd/systemd --system --unit=multi-user.target --log-target=journal --show-status=no
' sh "$tree"
"""


def cgroup_root():
    with open("/proc/self/mounts", encoding="utf-8") as file:
        for line in file:
            fields = line.split()
            if fields[2] == "cgroup2" and not fields[1].startswith(work_directory()):
                return fields[1]
    raise AssertionError("no cgroup2 file system: systemd cannot be booted here")


def remove_cgroup(path):
    """Groups go when all in them has ended."""
    for _ in range(100):
        for folder, _, _ in os.walk(path, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if not os.path.exists(path):
            return
        time.sleep(0.05)


class Booted:
    def __init__(self, tree, process):
        self.tree = tree
        self.process = process
        self.pid = None

    def find_first(self):
        """systemd is the one child of unshare."""
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            children = file.read().split()
        if children and os.path.exists(f"/proc/{children[0]}/exe"):
            if os.readlink(f"/proc/{children[0]}/exe").endswith("/systemd"):
                self.pid = int(children[0])
        return self.pid is not None

    def try_run(self, *command, timeout=120):
        return subprocess.run(
            ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--uts", "--ipc", "--cgroup",
             "--root", "--wd"] + list(command),
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8",
                 "DEBIAN_FRONTEND": "noninteractive", "SYSTEMD_PAGER": ""},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=timeout, check=False)

    def run(self, *command, **options):
        done = self.try_run(*command, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}\n"
                                 f"{self.journal()}")
        return done.stdout

    def journal(self):
        return self.try_run("journalctl", "--no-pager", "-n", "60").stdout

    def show(self, unit, name):
        return self.run("systemctl", "show", "--value", "--property", name, unit).strip()

    def wait_for(self, what, condition, patience_s=150):
        until = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > until:
                raise AssertionError(f"not within {patience_s} s: {what}\n{self.journal()}")
            time.sleep(0.05)


@contextlib.contextmanager
def boot(tree):
    """Boots what is in the tree; without any network but its own loopback."""
    leave_network()
    os.makedirs(tree.path("/etc/systemd/system"), exist_ok=True)
    for unit in MASKED:
        with contextlib.suppress(FileExistsError):
            os.symlink("/dev/null", tree.path(f"/etc/systemd/system/{unit}"))
    group = tempfile.mkdtemp(prefix="take5-test-", dir=cgroup_root())
    log = os.path.join(work_directory(), "boot.log")
    with open(log, "w", encoding="utf-8") as output:
        process = subprocess.Popen(["sh", "-c", BOOT, "sh", tree.root, group],
                                   stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    booted = Booted(tree, process)
    try:
        say("booting")
        until = time.monotonic() + 60
        while not booted.find_first():
            if process.poll() is not None or time.monotonic() > until:
                with open(log, encoding="utf-8") as file:
                    raise AssertionError(f"systemd does not begin:\n{file.read()}")
            time.sleep(0.05)
        booted.wait_for("a booted machine", lambda: booted.try_run(
            "systemctl", "is-active", "multi-user.target").stdout.strip() == "active")
        yield booted
    finally:
        process.kill()
        process.wait()
        remove_cgroup(group)
        shutil.rmtree(group, ignore_errors=True)
