"""Installed into another prefix than the configured one, or moved there, the program finds what
belongs to it."""
import os
import shutil
import subprocess
import sys
import tempfile

BUILD = os.environ["TAKE5_BUILD_DIR"]


def check(prefix, work):
    def run(*arguments, code=0):
        done = subprocess.run([os.path.join(prefix, "bin", "take5"), *arguments], cwd=work,
                              env={"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              check=False)
        assert code in (done.returncode, None), f"{arguments}: {done.stdout}"
        return done.stdout

    strategies = next(path for path, _, files in os.walk(prefix) if "trend.so" in files)
    config = os.path.join(prefix, "etc", "take5", "take5.ini")
    shutil.rmtree(os.path.dirname(config), ignore_errors=True)
    with open(os.path.join(work, "day.jsonl"), "w", encoding="utf-8") as file:
        file.write(run("feed", "--count", "200", "-q"))
    told = run("list", "-s", "take5.strict_modes=no")
    assert all(f"{name} 1." in told for name in ("console", "cross", "momentum", "trend")), told
    run("replay", "-q", "day.jsonl")
    run("new", "alpha")
    shutil.rmtree(os.path.join(work, "alpha"))
    # With a configuration of its own it reads that; with no layout around it, not.
    os.makedirs(os.path.dirname(config))
    with open(config, "w", encoding="utf-8") as file:
        file.write("[strategy:absent]\n")
    assert "absent" in run("check", code=None)
    os.rename(strategies, strategies + ".away")
    assert "absent" not in run("check", code=None)
    os.rename(strategies + ".away", strategies)


def main():
    with tempfile.TemporaryDirectory() as directory:
        # DESTDIR, should the build put something outside of the prefix.
        subprocess.run(["cmake", "--install", BUILD, "--component", "host", "--prefix", "/first"],
                       env={**os.environ, "DESTDIR": directory}, check=True,
                       stdout=subprocess.DEVNULL)
        work, first, moved = (os.path.join(directory, name) for name in ("work", "first", "moved"))
        os.mkdir(work)
        check(first, work)
        os.rename(first, moved)
        check(moved, work)
    return 0


sys.exit(main())
