"""Apache Kafka, one node, KRaft, on free ports of the loopback, and what fills it."""
import contextlib
import fcntl
import hashlib
import itertools
import json
import os
import shutil
import socket
import subprocess

from . import paths
from .ports import free_ports
from .process import Process
from .waiting import PATIENCE, Timeout, wait_for

ROLES = ("bar_trends", "historic_stats", "asset_trends")


def read_topic(servers, topic):
    """All that the topic holds now, as kcat -J gives it."""
    command = ["kcat", "-b", servers, "-C", "-t", topic, "-e", "-q", "-J", "-o", "beginning",
               "-X", "fetch.wait.max.ms=10"]  # the end is told by a fetch that came empty
    # kcat may wait for ever for the end of a partition that it asked for while the topic was
    # still being made: ask again.
    for _ in range(5):
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE,
                                  timeout=20 * PATIENCE)
            return [json.loads(line) for line in done.stdout.splitlines()]
    raise Timeout(f"kcat does not come to the end of {topic}")


class MockCluster:
    """Another cluster, where it does not matter that it is none. Topics are NAME:PARTITIONS."""

    def __init__(self, directory, *topics):
        output = os.path.join(directory, f"mock-{id(self)}")
        self._process = Process([paths.tool("mock"), *topics], output + ".log", stdout=output)

        def servers():
            with open(output, encoding="utf-8") as file:
                text = file.read()
            return text.strip() if text.endswith("\n") else None

        self.servers = wait_for("the mock cluster", servers)

    def read(self, topic):
        return read_topic(self.servers, topic)

    def close(self):
        self._process.kill()


class Kafka:
    """A broker. With `advertise`, a function from port to port, there is a second listener that
    tells clients to come through a proxy: `proxied_port` is the listener, `proxy_port` what it
    advertises. With `users`, {name: password}, there is a listener where these log in, and need ACLs
    (allow()) for what they do: `guarded_servers`."""

    def __init__(self, directory, with_proxy=False, users=None):
        self.directory = os.path.join(directory, "kafka")
        self.with_proxy = with_proxy
        self.users = users or {}
        self.process = None
        os.makedirs(self.directory)
        self._configure()
        self._prepared = self._prepare()
        shutil.copytree(os.path.join(self._prepared, "data"), os.path.join(self.directory, "data"))
        self.start()

    def run_tool(self, main, *arguments):
        """One of Kafka's own commands."""
        subprocess.run(self._java(main, *arguments), check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL, timeout=120 * PATIENCE)

    # ---- life ----

    def _configure(self):
        self.port, controller, self.proxied_port, self.proxy_port, guarded = free_ports(5)
        self.servers = f"127.0.0.1:{self.port}"
        self.proxy_servers = f"127.0.0.1:{self.proxy_port}"
        listeners = f"PLAIN://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}"
        advertised = f"PLAIN://127.0.0.1:{self.port}"
        if self.with_proxy:
            listeners += f",PROXIED://127.0.0.1:{self.proxied_port}"
            advertised += f",PROXIED://127.0.0.1:{self.proxy_port}"
        self.guarded_servers = f"127.0.0.1:{guarded}"
        if self.users:
            listeners += f",GUARDED://127.0.0.1:{guarded}"
            advertised += f",GUARDED://127.0.0.1:{guarded}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": listeners,
            "advertised.listeners": advertised,
            "listener.security.protocol.map":
                "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT,"
                "GUARDED:SASL_PLAINTEXT",
            "inter.broker.listener.name": "PLAIN",
            "log.dirs": os.path.join(self.directory, "data"),
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": 0,
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.num.partitions": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "num.network.threads": 2,
            "num.io.threads": 4,
            "log.cleaner.enable": "false",
            "log.retention.ms": -1,
            "group.min.session.timeout.ms": 1000,
        }
        if self.users:
            settings.update(self._guard())
        self.settings_path = os.path.join(self.directory, "server.properties")
        with open(self.settings_path, "w", encoding="utf-8") as file:
            file.writelines(f"{key}={value}\n" for key, value in settings.items())

    def _guard(self):
        login = " ".join(f'user_{name}="{word}"' for name, word in self.users.items())
        return {
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
            "listener.name.guarded.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.guarded.plain.sasl.jaas.config":
                f"org.apache.kafka.common.security.plain.PlainLoginModule required {login};",
        }

    def allow(self, user, operation, *resource):
        """resource: --topic NAME, --group NAME."""
        self.run_tool("kafka.admin.AclCommand", "--bootstrap-server", self.servers, "--add",
                      "--allow-principal", f"User:{user}", "--operation", operation, *resource)

    def _java(self, main, *arguments, classes=None):
        if classes is None:
            classes = f"-XX:SharedArchiveFile={self._prepared}/classes"
        return ["java", "-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                classes,
                # By this tests/run.sh knows a broker of its own that was left behind.
                f"-Dtake5.tests={paths.BUILD}/",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
                "-cp", os.path.join(paths.KAFKA_LIB, "*"), main, *arguments]

    def _prepare(self):
        """What every broker begins with, made once for a Kafka and a Java: `data`, a formatted
        directory, and `classes`, those that a broker needs as Java maps them. It halves what a
        start costs. Java takes an archive that is not of its own or these jars for none."""
        program = os.path.realpath(shutil.which("java"))
        with open(os.path.join(os.path.dirname(program), "..", "release"), "rb") as file:
            java = hashlib.sha256(program.encode() + file.read()).hexdigest()[:12]
        path = os.path.join(paths.KAFKA_LIB, f"broker-{java}")
        with open(path + ".lock", "w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(os.path.join(path, "classes")):
                shutil.rmtree(path, ignore_errors=True)
                os.makedirs(path)
                self._make_prepared(path)
        return path

    def _make_prepared(self, path):
        # Any id will do, in the form of Kafka's: 16 bytes in base64.
        subprocess.run(
            self._java("kafka.tools.StorageTool", "format", "-t", "dGFrZTV0YWtlNXRha2U1dA",
                       "-c", self.settings_path, classes="-Xshare:auto"),
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=120 * PATIENCE)
        data = os.path.join(self.directory, "data")
        shutil.copytree(data, os.path.join(path, "data"))
        self._run(self._java("kafka.Kafka", self.settings_path,
                             classes=f"-XX:ArchiveClassesAtExit={path}/classes.new"))
        self.create("some:1")
        self.send("some", "{}", key="A")
        subprocess.run(["kcat", "-b", self.servers, "-G", "some", "-q", "-c", "1", "-X",
                        "auto.offset.reset=earliest", "some"], check=True,
                       stdout=subprocess.DEVNULL, timeout=60 * PATIENCE)
        self.process.signal(15)
        self.process.wait(300)  # it writes the archive
        shutil.rmtree(data)
        os.rename(f"{path}/classes.new", f"{path}/classes")

    def start(self):
        self._run(self._java("kafka.Kafka", self.settings_path))

    def _run(self, command):
        self.process = Process(command, os.path.join(self.directory, "log"))
        # Its word, not its log's: a broker is listed as soon as it may serve.
        wait_for(lambda: f"the broker to start; its log ends:\n{self.process.log_tail()}",
                 self._is_serving, 120)

    def _is_serving(self):
        if not self.process.is_running():
            raise AssertionError(f"the broker ended; its log ends:\n{self.process.log_tail()}")
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            done = subprocess.run(["kcat", "-b", self.servers, "-L", "-J", "-m", "2"],
                                  capture_output=True, check=False, timeout=60)
            return done.returncode == 0 and json.loads(done.stdout)["brokers"] != []
        return False

    def stop(self):
        if self.process is not None and self.process.is_running():
            self.process.signal(15)
            self.process.wait(60)

    def kill(self):
        self.process.kill()

    def close(self):
        """For tests' ends: nobody needs the data any more."""
        if self.process is not None:
            self.process.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- topics ----

    def _topics(self, verb, *specs):
        subprocess.run([paths.tool("topics"), self.servers, verb, *specs], check=True,
                       timeout=60 * PATIENCE)

    def create(self, *specs):
        """Each NAME:PARTITIONS[:KEY=VALUE...]."""
        self._topics("create", *specs)

    def create_roles(self, partitions, *others):
        self.create(*(f"{role}:{partitions}" for role in ROLES), *others)

    def delete(self, *names):
        self._topics("delete", *names)

    def grow(self, *specs):
        self._topics("grow", *specs)

    def truncate(self, *specs):
        """Deletes the oldest records: each NAME:PARTITION:BEFORE."""
        self._topics("truncate", *specs)

    def topic_id(self, name):
        """Differs between a topic and another of its name that was made after it."""
        for root, _, files in os.walk(os.path.join(self.directory, "data")):
            if os.path.basename(root) == f"{name}-0" and "partition.metadata" in files:
                with open(os.path.join(root, "partition.metadata"), encoding="utf-8") as file:
                    return file.read().split("topic_id:")[1].split()[0]
        raise AssertionError(f"no topic {name} lies on the broker's disk")

    # ---- messages in and out ----

    def _produce_command(self, count, **options):
        letters = {"topics": "t", "first": "f", "rate": "r", "symbols": "y", "partitions": "p",
                   "seed": "s", "step_ms": "i", "envelope": "e", "bad_every": "x"}
        command = [paths.tool("produce"), "-b", self.servers, "-n", str(count)]
        for name, value in options.items():
            command += [f"-{letters[name]}", str(value)]
        return command

    def produce(self, count, **options):
        """Waits until all is delivered; gives the producer's tally."""
        done = subprocess.run(self._produce_command(count, **options), check=True,
                              stdout=subprocess.PIPE, timeout=300 * PATIENCE)
        return json.loads(done.stdout)

    def start_produce(self, count, **options):
        """A producer in the background; finish() of what this gives waits for its tally."""
        return Producer(self._produce_command(count, **options), self.directory)

    def send(self, topic, value, key=None, partition=None, headers=()):
        """One message, by kcat."""
        command = ["kcat", "-b", self.servers, "-P", "-t", topic, "-D", "\x01"]
        if partition is not None:
            command += ["-p", str(partition)]
        for name, text in headers:
            command += ["-H", f"{name}={text}"]
        data = value if isinstance(value, bytes) else value.encode()
        if key is not None:
            command += ["-K", "\x02"]
            data = (key if isinstance(key, bytes) else key.encode()) + b"\x02" + data
        subprocess.run(command, input=data, check=True, timeout=60 * PATIENCE)

    def read(self, topic):
        """All that the topic holds now, as kcat -J gives it."""
        return read_topic(self.servers, topic)

    def committed(self, group, expected):
        """The group's committed offsets for all that a tally names: {topic: {partition: offset}};
        without one it is None."""
        parts = [(topic, number) for topic, numbers in expected.items() for number in numbers]
        done = subprocess.run(
            [paths.tool("topics"), self.servers, "committed", group,
             *(f"{topic}:{number}" for topic, number in parts)],
            check=True, stdout=subprocess.PIPE, timeout=60 * PATIENCE)
        result = {topic: {} for topic in expected}
        for (topic, number), line in zip(parts, done.stdout.split(), strict=True):
            result[topic][number] = int(line) if int(line) >= 0 else None
        return result

    def end(self, topic, partition):
        """Where the partition's log ends."""
        done = subprocess.run(["kcat", "-b", self.servers, "-Q", "-t", f"{topic}:{partition}:-1"],
                              check=True, capture_output=True, text=True, timeout=60 * PATIENCE)
        return int(done.stdout.rsplit(maxsplit=1)[1])

    def ends(self, topics, partitions):
        """Where the logs end, as a tally has it."""
        return {topic: {str(number): self.end(topic, number) for number in range(partitions)}
                for topic in topics}

    def wait_committed(self, group, expected, timeout_s=60, at_least=False):
        """Until the group has committed what a producer's tally tells, or that and more."""
        def is_there(committed, offset):
            return committed == offset or (at_least and committed is not None and
                                           committed > offset)

        def has_committed():
            try:
                committed = self.committed(group, expected)
                return all(is_there(committed[topic][number], offset)
                           for topic, numbers in expected.items()
                           for number, offset in numbers.items())
            except subprocess.CalledProcessError:
                return False  # a coordinator that is being loaded

        def what_differs():
            committed = self.committed(group, expected)
            return f"{group} to commit what was produced: " + ", ".join(
                f"{topic}/{number} has {committed[topic][number]}, not {offset}"
                f" (the log ends at {self.end(topic, number)})"
                for topic, numbers in expected.items() for number, offset in numbers.items()
                if not is_there(committed[topic][number], offset))
        wait_for(what_differs, has_committed, timeout_s, 0.2)


class Producer:
    _numbers = itertools.count()

    def __init__(self, command, directory):
        # Not id(self): it comes again when one before is gone, and its file is appended to.
        self._tally_path = os.path.join(directory, f"produce-{next(self._numbers)}.json")
        self._process = Process(command, os.path.join(directory, "produce.log"),
                                stdout=self._tally_path)

    def is_running(self):
        return self._process.is_running()

    def stop(self):
        """Ends it early; its tally tells what was delivered until then."""
        self._process.signal(15)
        return self.finish()

    def finish(self, timeout_s=300):
        code = self._process.wait(timeout_s)
        if code != 0:
            raise AssertionError(f"produce ended with {code}: {self._process.log_tail()}")
        with open(self._tally_path, encoding="utf-8") as file:
            return json.load(file)
