"""Apache Cassandra as a test needs it: one node or several on loopback addresses, from jars.

    tests/cluster/cassandra start FOLDER [--addresses 127.0.0.11,127.0.0.12,127.0.0.13]
    tests/cluster/cassandra stop FOLDER
    tests/cluster/cassandra lacks

`start` prints CQL_UNDER_TEST=host:port once every node takes writes. What FOLDER held is
gone afterwards. The jars come from Maven Central, once, into target/cassandra. `lacks` says
what is missing on this machine, and then it ends with 3, as `start` does.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cql
from process import Died, Process, end_in_order, program

HERE = Path(__file__).resolve().parent
TOP = HERE.parent.parent
PORT = 9042
STORAGE_PORT = 7000
READY_WITHIN_S = 180
HEAP_MB = 512
# Tokens are spread over -2^63 .. 2^63 - 1.
RING = 1 << 64
EXIT_MISSING = 3

# What Cassandra's own conf/jvm17-server.options opens.
MODULES = """
--add-exports java.base/jdk.internal.misc=ALL-UNNAMED
--add-exports java.base/jdk.internal.ref=ALL-UNNAMED
--add-exports java.base/java.lang.ref=ALL-UNNAMED
--add-exports java.base/sun.nio.ch=ALL-UNNAMED
--add-exports java.management.rmi/com.sun.jmx.remote.internal.rmi=ALL-UNNAMED
--add-exports java.rmi/sun.rmi.registry=ALL-UNNAMED
--add-exports java.rmi/sun.rmi.server=ALL-UNNAMED
--add-exports java.sql/java.sql=ALL-UNNAMED
--add-exports jdk.unsupported/sun.misc=ALL-UNNAMED
--add-opens java.base/java.lang.module=ALL-UNNAMED
--add-opens java.base/jdk.internal.loader=ALL-UNNAMED
--add-opens java.base/jdk.internal.ref=ALL-UNNAMED
--add-opens java.base/jdk.internal.reflect=ALL-UNNAMED
--add-opens java.base/jdk.internal.math=ALL-UNNAMED
--add-opens java.base/jdk.internal.module=ALL-UNNAMED
--add-opens java.base/jdk.internal.util.jar=ALL-UNNAMED
--add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED
--add-opens java.base/sun.nio.ch=ALL-UNNAMED
--add-opens java.base/java.io=ALL-UNNAMED
--add-opens java.base/java.nio=ALL-UNNAMED
--add-opens java.base/java.lang=ALL-UNNAMED
--add-opens java.base/java.util=ALL-UNNAMED
--add-opens java.base/java.util.concurrent=ALL-UNNAMED
--add-opens java.base/java.util.concurrent.atomic=ALL-UNNAMED
--add-opens java.base/sun.nio.cs=ALL-UNNAMED
--add-opens java.base/java.net=ALL-UNNAMED
""".split()

# Conditional writes are as durable as the commit log: `group`, never `periodic`.
CONFIG = """
cluster_name: sanctuary-tests
num_tokens: 1
initial_token: {token}
auto_bootstrap: false
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{{seeds: "{seed}:{storage_port}"}}]
listen_address: {address}
rpc_address: {address}
storage_port: {storage_port}
native_transport_port: {port}
start_native_transport: true
endpoint_snitch: SimpleSnitch
data_file_directories: [{folder}/data]
commitlog_directory: {folder}/commitlog
saved_caches_directory: {folder}/saved
hints_directory: {folder}/hints
cdc_raw_directory: {folder}/cdc
commitlog_sync: group
commitlog_sync_group_window: 1ms
commitlog_segment_size: 8MiB
memtable_heap_space: 96MiB
concurrent_reads: 16
concurrent_writes: 16
auto_snapshot: false
paxos_variant: v2
hinted_handoff_enabled: true
max_hints_delivery_threads: 1
"""

LOGGING = """<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d %level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="out"/></root>
</configuration>
"""


def missing():
    """What is not on this machine, in words; `None` if all is."""
    if not program("java"):
        return "java is missing: openjdk-17-jre-headless"
    version = subprocess.run(["java", "-version"], capture_output=True, text=True).stderr
    if '"17.' not in version:
        return f"Java 17 is needed (openjdk-17-jre-headless), and this is: {version.splitlines()[0]}"
    if not (_jars() / "complete").exists() and not program("mvn"):
        return "mvn is missing: maven"
    return None


def _jars():
    target = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
    return target / "cassandra"


def jars():
    """The folder with Cassandra's jars, fetched once for each state of pom.xml."""
    folder = _jars()
    stamp, pom = folder / "complete", HERE / "pom.xml"
    if stamp.exists() and stamp.read_bytes() == pom.read_bytes():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies"]
    subprocess.run([*command, f"-DoutputDirectory={folder}"], check=True, stdout=sys.stderr)
    stamp.write_bytes(pom.read_bytes())
    return folder


class Node(Process):
    """One node of the store."""

    def __init__(self, number, addresses, folder):
        self.address = addresses[number]
        self.home = Path(folder).resolve() / f"cassandra-{number + 1}"
        shutil.rmtree(self.home, ignore_errors=True)
        (self.home / "conf").mkdir(parents=True)
        settings = {
            "token": number * RING // len(addresses) - RING // 2,
            "seed": addresses[0],
            "address": self.address,
            "port": PORT,
            "storage_port": STORAGE_PORT,
            "folder": self.home,
        }
        (self.home / "conf/cassandra.yaml").write_text(CONFIG.format(**settings))
        (self.home / "conf/logback.xml").write_text(LOGGING)
        super().__init__(f"cassandra {number + 1}", self._command(jars()), self.home / "log")

    def _command(self, jars):
        (agent,) = jars.glob("jamm-*.jar")
        return [
            program("java"),
            *MODULES,
            f"-javaagent:{agent}",
            f"-Xms{HEAP_MB // 2}m",
            f"-Xmx{HEAP_MB}m",
            "-XX:+UseSerialGC",
            # Nodes are short-lived and share two cores: half-optimised code at once.
            "-XX:TieredStopAtLevel=1",
            "-XX:+PerfDisableSharedMem",
            "-Djdk.attach.allowAttachSelf=true",
            f"-Dcassandra.config=file://{self.home}/conf/cassandra.yaml",
            f"-Dlogback.configurationFile={self.home}/conf/logback.xml",
            f"-Dcassandra.storagedir={self.home}",
            "-Dcassandra-foreground=yes",
            "-Dcassandra.skip_wait_for_gossip_to_settle=0",
            # A node that joins gives up after twice this, if the others are slow to answer.
            "-Dcassandra.ring_delay_ms=5000",
            "-cp",
            f"{self.home}/conf:{jars}/*",
            "org.apache.cassandra.service.CassandraDaemon",
        ]

    def wait_ready(self):
        """Until it serves. One that did not find the others is started again."""
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                left = max(1, deadline - time.monotonic())
                return self.wait_until(lambda: cql.serves(self.address, PORT), left)
            except Died:
                if self.is_alive() or time.monotonic() > deadline:
                    raise
                self.spawn()


class Cassandra:
    """All nodes of the store."""

    def __init__(self, addresses, folder):
        for address in addresses:
            _claim(address)
        self.nodes = [Node(number, addresses, folder) for number in range(len(addresses))]

    def start(self):
        # A node that joins asks the first one who is there.
        first, *others = self.nodes
        first.spawn()
        first.wait_ready()
        for node in others:
            node.spawn()
        for node in others:
            node.wait_ready()
        for node in self.nodes:
            self._wait_whole(node)

    def _wait_whole(self, node):
        """Until the node reaches all others: a write that every one of them has to confirm."""
        replicas = len(self.nodes)
        strategy = f"{{'class': 'SimpleStrategy', 'replication_factor': {replicas}}}"
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                with cql.Connection(node.address, PORT) as connection:
                    ask = connection.query
                    ask(f"CREATE KEYSPACE IF NOT EXISTS ready WITH replication = {strategy}")
                    ask("CREATE TABLE IF NOT EXISTS ready.nodes (name text PRIMARY KEY)")
                    name = f"INSERT INTO ready.nodes (name) VALUES ('{node.address}')"
                    ask(name, cql.CONSISTENCY_ALL)
                return
            except (OSError, cql.Refused) as error:
                if time.monotonic() > deadline:
                    raise Died(f"{node.name} does not reach the others: {error}") from error
                time.sleep(0.5)

    def kill(self):
        for node in self.nodes:
            node.kill()


def _claim(address):
    """An address that is taken would let the test talk to somebody else's node."""
    for port in (PORT, STORAGE_PORT):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                raise Died(f"{address}:{port} is taken: {error}") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("action", choices=["start", "stop", "lacks"])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--addresses", default="127.0.0.11")
    arguments = parser.parse_args()
    if arguments.action != "lacks" and arguments.folder is None:
        parser.error("which FOLDER?")
    if arguments.action == "stop":
        pids = arguments.folder / "pids"
        for pid in pids.read_text().split() if pids.exists() else []:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                pass
        pids.unlink(missing_ok=True)
        return
    if lacks := missing():
        print(lacks)
        sys.exit(EXIT_MISSING)
    if arguments.action == "lacks":
        return
    end_in_order()
    cluster = Cassandra(arguments.addresses.split(","), arguments.folder)
    try:
        cluster.start()
    except BaseException:
        cluster.kill()
        raise
    (arguments.folder / "pids").write_text("\n".join(str(node.pid) for node in cluster.nodes))
    print(f"CQL_UNDER_TEST={cluster.nodes[0].address}:{PORT}")


if __name__ == "__main__":
    try:
        main()
    except Died as died:
        sys.exit(f"cassandra: {died}")
