"""What packaging/Dockerfile builds, stage by stage, from a bookworm-slim of debootstrap's. Layers are
kept with the machines, so that what one test has built another takes."""
import glob
import os
import shutil

from machine import cache_directory, layers, locked, run, say, work_directory

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BASE = "localhost/take5-test/bookworm-slim"
IMAGE = "localhost/take5-test/take5"
# Stages under a name of their own, which keeps their layers.
TOOLS = IMAGE + "-tools"
PACKAGES = IMAGE + "-packages"


def buildah(*arguments, timeout=900):
    store = os.path.join(cache_directory(), "containers")
    return run(["buildah", "--root", store, "--runroot", os.path.join(work_directory(), "run"),
                "--storage-driver", "overlay"] + list(arguments), timeout=timeout)


def alone_with_images():
    """The kept images are this process's while that lasts."""
    return locked(os.path.join(cache_directory(), "containers.lock"))


def make_base():
    tree = layers("base")[0]
    name = f"{BASE}:{os.path.basename(tree)}"
    if name in buildah("images", "--format", "{{.Name}}:{{.Tag}}"):
        return name
    say("an image of the clean machine, once")
    container = buildah("from", "scratch").strip()
    buildah("add", "--quiet", container, tree, "/")
    buildah("commit", "--quiet", "--rm", container, name)
    return name


def build(base, *more):
    buildah("build", "--quiet", "--isolation", "chroot", "--format", "docker", "--layers",
            "--build-arg", f"BASE={base}", "--file",
            os.path.join(SOURCE, "packaging/Dockerfile"), *more, SOURCE)


def build_packages():
    """The stage that makes the packages; what it needs, too."""
    buildah("rm", "--all")  # what a run left that was ended; the lock is ours
    base = make_base()
    build(base, "--target", "tools", "--tag", TOOLS)
    build(base, "--target", "build", "--tag", PACKAGES)
    return base


def take_packages(directory):
    """Those of build_packages()."""
    container = buildah("from", "--pull-never", PACKAGES).strip()
    try:
        for path in glob.glob(buildah("mount", container).strip() + "/packages/*.deb"):
            shutil.copy(path, directory)
    finally:
        buildah("rm", container)


def forget_packages():
    """They are of one checkout: the next has others."""
    buildah("rmi", PACKAGES)
    buildah("rmi", "--prune")
