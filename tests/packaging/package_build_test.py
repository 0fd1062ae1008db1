"""sh packaging/package.sh makes three packages in which lintian finds nothing, and which say of
themselves what is true. As root it is run where packaging/Dockerfile runs it, on a clean machine that
has what packaging/dependencies.build and .package name; the test of the image goes on from there."""
import os
import re
import shutil
import subprocess
import sys

import debs
import images
from machine import alone, run, say

IS_ROOT = os.geteuid() == 0


def build():
    shutil.rmtree(debs.DIRECTORY, ignore_errors=True)
    if IS_ROOT:
        os.makedirs(debs.DIRECTORY)
        with images.alone_with_images():
            images.build_packages()
            images.take_packages(debs.DIRECTORY)
        return
    run(["sh", os.path.join(debs.SOURCE, "packaging/package.sh"), debs.DIRECTORY],
        env={**os.environ, "TAKE5_PACKAGE_BUILD":
             os.path.join(os.environ["TAKE5_BUILD_DIR"], "package")})


def contents(name):
    lines = run(["dpkg-deb", "--contents", debs.deb(name)]).splitlines()
    return {line.split(None, 5)[5][1:]: line.split()[:2] for line in lines}


def check_versions():
    with open(os.path.join(debs.SOURCE, "CMakeLists.txt"), encoding="utf-8") as file:
        version = re.search(r"project\(take5 VERSION ([0-9.]+)", file.read()).group(1)
    with open(os.path.join(debs.SOURCE, "packaging/debian/changelog"), encoding="utf-8") as file:
        assert file.readline().startswith(f"take5 ({version}) "), "changelog of another version"
    for name in ("take5", "take5-sdk", "take5-python"):
        assert debs.control(name, "Version") == version, debs.control(name, "Version")


def check_host():
    found = contents("take5")
    libdir = "/usr/lib/" + run(["dpkg-architecture", "-qDEB_HOST_MULTIARCH"]).strip()
    for strategy in ("console", "cross", "momentum", "trend"):
        assert f"{libdir}/take5/strategies/{strategy}.so" in found, strategy
    for path in ("/usr/bin/take5", "/usr/lib/systemd/system/take5.service",
                 "/usr/libexec/take5/back-off", "/usr/share/doc/take5/copyright",
                 "/usr/share/man/man1/take5.1.gz", "/usr/share/man/man5/take5.ini.5.gz",
                 "/usr/share/doc/take5/README.md", "/usr/share/take5/prometheus/rules.yml",
                 "/usr/share/take5/grafana/take5.json", "/usr/share/zsh/vendor-completions/_take5",
                 "/usr/share/bash-completion/completions/take5"):
        assert path in found, f"{path} is not in the package"
    # Nothing belongs to the service's user, and nobody but root may write.
    for path, (mode, owner) in found.items():
        assert owner == "root/root" and mode[5] == mode[8] == "-", f"{path}: {mode} {owner}"
    # Whatever lies in /etc is a conffile: an upgrade asks before it replaces one.
    conffiles = run(["dpkg-deb", "--info", debs.deb("take5"), "conffiles"]).split()
    etc = [path for path in found if path.startswith("/etc/") and not path.endswith("/")]
    assert sorted(conffiles) == sorted(etc), f"{conffiles}, but in /etc lie {etc}"
    program = run(["dpkg-deb", "--fsys-tarfile", debs.deb("take5")], errors="replace")
    source = "/src" if IS_ROOT else debs.SOURCE
    assert source + "/" not in program, f"the package names {source}, where it was built"


def check_sdk():
    found = contents("take5-sdk")
    names = [path.rsplit("/", 1)[1] for path in found]
    for name in ("take5.h", "strategy.hpp", "testkit.h", "take5-sdk.pc", "take5-testkit.pc",
                 "take5-sdk-config.cmake", "take5-testkit-config.cmake", "libtake5-testkit.a",
                 "momentum.c", "take5-strategy.7.gz"):
        assert name in names, f"{name} is not in the package"


def check_python():
    found = contents("take5-python")
    names = [path.rsplit("/", 1)[1] for path in found]
    for name in ("python.so", "python.md", "__init__.py"):
        assert name in names, f"{name} is not in the package"
    assert not any(path.endswith("/python.so") for path in contents("take5"))
    depends = debs.control("take5-python", "Depends")
    assert "libpython3." in depends and "take5 (= " in depends, depends


def check_lintian():
    for name in ("take5", "take5-sdk", "take5-python"):
        found = subprocess.run(["lintian", "--allow-root", "--fail-on", "error,warning",
                                debs.deb(name)], text=True, check=False,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert found.returncode == 0, f"lintian of {name}:\n{found.stdout}"


def check_prefix():
    """A build for another place is not packaged by mistake."""
    work = os.path.join(os.environ["TAKE5_BUILD_DIR"], "package-elsewhere")
    run(["cmake", "-S", debs.SOURCE, "-B", work, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
         "-DTAKE5_TESTS=OFF"])
    done = subprocess.run(["cpack", "-G", "DEB", "--config", work + "/CPackConfig.cmake", "-B", work,
                           "-D", "CPACK_INSTALL_PREFIX=/usr/local"], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    shutil.rmtree(work)
    assert done.returncode != 0 and "package.sh makes it" in done.stdout, done.stdout


def main():
    say("building")
    build()
    for check in (check_versions, check_host, check_sdk, check_python, check_lintian, check_prefix):
        say(check.__name__)
        check()
    return 0


if IS_ROOT:
    alone(main)
sys.exit(main())
