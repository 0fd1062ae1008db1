"""What tests/setup.sh fetches from PyPI for Python strategies: numpy, pandas, pytest, and the client
of the service that take5 replaces."""
import os
import unittest

_beside = os.environ.get("TAKE5_KAFKA_LIB") or os.path.expanduser("~/.cache/take5/kafka-3.9.1")
_folder = os.path.join(os.path.dirname(_beside), "python-packages-1")
# A virtual environment; None: it could not be fetched.
PACKAGES = _folder if os.path.exists(os.path.join(_folder, "complete")) else None


def needs_packages(test):
    """Skipped without them, unless the registry answered (tests/run.sh): then it fails."""
    if os.environ.get("TAKE5_REQUIRE_PACKAGES") and PACKAGES is None:
        def fail(self, *_):
            self.fail(f"TAKE5_REQUIRE_PACKAGES is set, and {_folder} is not complete: run "
                      "tests/setup.sh")
        return fail
    return unittest.skipUnless(PACKAGES, "packages could not be fetched from PyPI")(test)
