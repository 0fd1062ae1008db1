"""What tests of commands share that need no broker."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

BUILD = os.environ["TAKE5_BUILD_DIR"]
TAKE5 = os.path.join(BUILD, "host", "take5")
# On a machine whose system has a configuration with strategies of its own.
INSTALLED = os.path.join(BUILD, "tests", "installed", "bin", "take5")
VARIANT = os.environ.get("TAKE5_VARIANT", "plain")
PATIENCE = float(os.environ.get("TAKE5_PATIENCE", "1")) * (1 if VARIANT == "plain" else 6)


def environment(variables=None):
    """Ours without what would reconfigure the host, and with these."""
    names = ("RUN_MODE", "LOG_LEVEL", "ENABLE_COLOR_LOGS")
    return {**{name: value for name, value in os.environ.items()
               if not name.startswith("KAFKA_") and name not in names}, **(variables or {})}


def json_lines(data):
    return [json.loads(line) for line in data.splitlines()]


class Offline(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="take5-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def take5(self, *arguments, code=0, data=None, timeout_s=120, program=TAKE5, variables=None):
        """Runs a command to its end, which must be `code`."""
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, env=environment(variables),
            cwd=self.directory, timeout=timeout_s * PATIENCE, check=False,
            **({"input": data} if data is not None else {"stdin": subprocess.DEVNULL}))
        self.assertEqual(done.returncode, code, done.stderr.decode()[-4000:])
        return done

    def start(self, *arguments, variables=None, **options):
        """Runs on; killed at the test's end if it is still there."""
        process = subprocess.Popen([TAKE5, *map(str, arguments)], env=environment(variables),
                                   cwd=self.directory, **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

        self.addCleanup(end)
        return process

    def wait(self, process, timeout_s=60):
        return process.wait(timeout_s * PATIENCE)

    def peak_kb(self, process):
        """Waits for its end, which must be good; gives its largest resident size."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss


