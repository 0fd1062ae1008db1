"""The packages that package_build_test made."""
import glob
import os
import shutil
import subprocess

DIRECTORY = os.path.join(os.environ["TAKE5_BUILD_DIR"], "packages")
SOURCE = os.environ["TAKE5_SOURCE_DIR"]


def deb(name):
    found = glob.glob(os.path.join(DIRECTORY, name + "_*.deb"))
    if len(found) != 1:
        raise AssertionError(f"{DIRECTORY} has {len(found)} packages {name}, not one")
    return found[0]


def control(name, field):
    return subprocess.run(["dpkg-deb", "--field", deb(name), field], text=True, check=True,
                          stdout=subprocess.PIPE).stdout.strip()


def put(tree, *names):
    """Copies packages into a tree; their paths in it."""
    paths = []
    for name in names:
        shutil.copy(deb(name), tree.path("/tmp"))
        paths.append("/tmp/" + os.path.basename(deb(name)))
    return paths


def install(tree, *names):
    tree.apt("install", *put(tree, *names))
