"""Clean Debian 12 machines to install into.

Trees come from debootstrap and this machine's own package sources, and are kept in the tests'
cache. A tree is used through an overlay, so that the kept one stays clean. Whatever a test mounts
or starts lives in namespaces of its own and is gone with the test: see alone().
"""
import contextlib
import ctypes
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
SUITE = "bookworm"

# What is in a tree beside the one below it. A change of a list makes a new tree.
LAYERS = {
    "base": (None, []),
    # A machine of somebody who writes strategies.
    "author": ("base", ["gcc", "libc6-dev", "cmake", "ninja-build", "pkg-config"]),
    # A machine that boots.
    "booting": ("base", ["systemd", "man-db", "groff", "logrotate"]),
}


def alone(main):
    """Runs main() in namespaces of its own (mounts, processes, host name), as a child."""
    if os.environ.get("TAKE5_ALONE"):
        sys.exit(main())
    if os.geteuid() != 0:
        print("needs root: it makes a machine to install into")
        sys.exit(SKIPPED)
    build = os.environ.get("TAKE5_BUILD_DIR")
    work = tempfile.mkdtemp(prefix="take5-packaging-", dir=build)
    command = ["unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--mount-proc",
               "--uts", "--ipc", "--kill-child=KILL"]
    child = subprocess.Popen(
        command + [sys.executable, "-B"] + sys.argv,
        env={**os.environ, "TAKE5_ALONE": work})
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: child.kill())
    status = child.wait()
    shutil.rmtree(work, ignore_errors=True)
    sys.exit(status)


def leave_network():
    """From here on there is nothing but a loopback of one's own: no port taken, no broker there."""
    clone_newnet, siocsifflags, up = 0x40000000, 0x8914, 1
    if ctypes.CDLL(None, use_errno=True).unshare(clone_newnet) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, siocsifflags, struct.pack("16sh22x", b"lo", up))


def work_directory():
    """A directory that is gone with the test."""
    return os.environ["TAKE5_ALONE"]


def say(text):
    print(f"-- {text}", flush=True)


def run(command, **options):
    """Runs a command of this machine; its output, which is shown when it fails."""
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


# ---- kept trees ----

def cache_directory():
    named = os.environ.get("TAKE5_CACHE")
    if not named:
        home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ["HOME"], ".cache")
        named = os.path.join(home, "take5")
    path = os.path.join(named, "machines")
    os.makedirs(path, exist_ok=True)
    return path


@contextlib.contextmanager
def locked(path):
    with open(path, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def package_sources():
    """This machine's sources of the suite: (address, release, component)."""
    lines = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"])
    found = sorted({tuple(line.split()) for line in lines.splitlines()})
    ours = [row for row in found if len(row) == 3 and row[1].startswith(SUITE)]
    if not any(row[1] == SUITE for row in ours):
        raise AssertionError("this machine knows no package source of " + SUITE +
                             ": apt-get update may be due")
    return ours


def configure_apt(tree):
    os.makedirs(f"{tree}/etc/apt/apt.conf.d", exist_ok=True)
    with open(f"{tree}/etc/apt/sources.list", "w", encoding="utf-8") as file:
        for address, release, component in package_sources():
            file.write(f"deb {address} {release} {component}\n")
    settings = run(["apt-config", "dump"])
    with open(f"{tree}/etc/apt/apt.conf.d/00machine", "w", encoding="utf-8") as file:
        file.writelines(line + "\n" for line in settings.splitlines()
                        if line.lower().startswith("acquire::") and "proxy" in line.lower())
        file.write('APT::Install-Recommends "no";\nDpkg::Use-Pty "no";\n')


def make_base(path):
    address = next(row[0] for row in package_sources() if row[1] == SUITE)
    run(["debootstrap", "--variant=minbase", SUITE, path, address])
    configure_apt(path)
    tree = Tree(path)
    with tree.mounted():
        tree.run(["apt-get", "update"])
    os.remove(f"{path}/var/log/bootstrap.log")


def layers(name):
    """The kept directories of a layer, topmost first; made when they are not there."""
    below, packages = LAYERS[name]
    lower = layers(below) if below else []
    kept = "-".join([name, SUITE, hashlib.sha256(" ".join(packages).encode()).hexdigest()[:8]])
    path = os.path.join(cache_directory(), kept)
    with locked(path + ".lock"):
        if os.path.exists(path + ".complete"):
            return [path] + lower
        say(f"making {path}, once")
        shutil.rmtree(path, ignore_errors=True)
        if not below:
            make_base(path)
        else:
            os.makedirs(path)
            with overlay(lower, path) as tree, tree.mounted():
                tree.apt("install", *packages)
        with open(path + ".complete", "w", encoding="utf-8"):
            pass
    return [path] + lower


# ---- trees in use ----

@contextlib.contextmanager
def overlay(lower, upper):
    """A tree of the kept ones with what changes in `upper`."""
    inner = tempfile.mkdtemp(dir=os.path.dirname(upper))
    mount = tempfile.mkdtemp(dir=os.environ.get("TAKE5_ALONE"))
    run(["mount", "-t", "overlay", "overlay", "-o",
         f"lowerdir={':'.join(lower)},upperdir={upper},workdir={inner}", mount])
    try:
        yield Tree(mount)
    finally:
        run(["umount", "-R", mount])
        os.rmdir(mount)
        shutil.rmtree(inner, ignore_errors=True)


@contextlib.contextmanager
def machine(name):
    """A clean machine, ready to run things."""
    lower = layers(name)
    upper = tempfile.mkdtemp(dir=work_directory())
    os.chmod(upper, 0o755)  # it becomes the root of the tree
    with overlay(lower, upper) as tree, tree.mounted():
        yield tree


class Tree:
    def __init__(self, root):
        self.root = root

    def path(self, path):
        return self.root + path

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as file:
            return file.read()

    def write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(path), mode)

    @contextlib.contextmanager
    def mounted(self):
        """What programs expect to find; ends with all of it gone again."""
        for kind in ("proc", "sysfs"):
            point = {"proc": "/proc", "sysfs": "/sys"}[kind]
            run(["mount", "-t", kind, kind, self.path(point)])
        archives = os.path.join(cache_directory(), "archives")
        os.makedirs(archives + "/partial", exist_ok=True)
        run(["mount", "--bind", archives, self.path("/var/cache/apt/archives")])
        shutil.copy("/etc/resolv.conf", self.path("/etc/resolv.conf"))
        shutil.copy("/etc/hosts", self.path("/etc/hosts"))
        try:
            yield
        finally:
            for point in ("/var/cache/apt/archives", "/sys", "/proc"):
                subprocess.run(["umount", "-R", self.path(point)], check=False)

    def command(self, command, user=None):
        """What runs `command` in the tree, as root or as a user without any privilege."""
        change = ["--userspec=" + user] if user else []
        return ["/usr/sbin/chroot"] + change + [self.root] + command

    def try_run(self, command, user=None, environment=None, timeout=300, **options):
        given = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive",
                 **{name: value for name, value in os.environ.items() if "proxy" in name.lower()},
                 **(environment or {})}
        return subprocess.run(self.command(command, user), env=given, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=timeout, **options)

    def run(self, command, **options):
        done = self.try_run(command, **options)
        if done.returncode != 0:
            raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout

    def apt(self, action, *packages):
        """Archives that were fetched once are kept, so a second run asks no registry."""
        command = ["apt-get", "-y", "-o", "Binary::apt-get::APT::Keep-Downloaded-Packages=1",
                   action, *packages]
        with locked(os.path.join(cache_directory(), "archives.lock")):
            done = self.try_run(command, timeout=600)
            if done.returncode == 0:
                return done.stdout
            # Lists that were kept grow old: a package may have made way for its next version.
            self.run(["apt-get", "update"])
            return self.run(command, timeout=600)

    def files(self, *without):
        """Every path with what it is, but for those that begin with one of `without`."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            inside = folder[len(self.root):] or "/"
            folders[:] = [name for name in folders
                          if not os.path.join(inside, name).startswith(without)]
            for name in folders + files:
                path = os.path.join(inside, name)
                if not path.startswith(without):
                    status = os.lstat(os.path.join(folder, name))
                    found[path] = (status.st_mode, status.st_uid, status.st_gid)
        return found
