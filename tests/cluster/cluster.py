"""A whole cluster on one machine: servers, Redis, Cassandra, and the wires between them."""

import os
import socket
import subprocess
import time
from pathlib import Path

import cassandra
from cassandra import Cassandra
from process import Died
from proxy import Wires
from redis import Redis
from server import Server

TOP = Path(__file__).resolve().parent.parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", TOP / "target"))
SANCTUARY = os.environ.get("SANCTUARY", TARGET / "debug/sanctuary")
LOADTEST = os.environ.get("LOADTEST", TARGET / "debug/loadtest")

# Below the ports that systems hand out by themselves.
PORT_FIRST, PORT_LAST, PORTS_EACH = 17100, 17900, 20
KEYSPACE = "chaos"
DRAIN_WINDOW_MS = 2000
# Beyond the window: what is under way is finished and flushed.
DRAINED_WITHIN_S = 15
# Between two servers of a rolling restart.
BETWEEN_SERVERS_S = 1


class Cluster:
    """Everything that runs. `cassandra_nodes` 0: one SQLite file; `redis` off: no bus. `flags`:
    settings of all servers."""

    def __init__(
        self,
        folder,
        servers,
        redis,
        cassandra_nodes,
        address_first,
        binary=SANCTUARY,
        flags=(),
    ):
        self.flags = [str(word) for word in flags]
        self.folder = Path(folder)
        # One data folder for all: with CQL it holds the master key and nothing else.
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        self.binary = binary
        self.wires = Wires()
        self.redis_wires, self.store_wires = {}, {}
        self.ports = _free_ports()
        self.redis = Redis(self.ports + 19, self.folder) if redis else None
        host, last = address_first.rsplit(".", 1)
        addresses = [f"{host}.{int(last) + n}" for n in range(cassandra_nodes)]
        self.cassandra = Cassandra(addresses, self.folder) if addresses else None
        self.servers = [self._server(number, addresses) for number in range(servers)]

    def _server(self, number, addresses):
        flags = ["--limits", "off", "--log", os.environ.get("CHAOS_LOG", "warn")]
        flags += ["--drain-window-ms", str(DRAIN_WINDOW_MS), *self.flags]
        flags += self._store_flags([f"{address}:{self.ports + 10 + number}" for address in addresses])
        # The driver learns the nodes' addresses and keeps the port it began with, so a wire of
        # each server to each node is a port of its own on the node's address.
        self.store_wires[number] = [
            self.wires.add((address, self.ports + 10 + number), (address, cassandra.PORT))
            for address in addresses
        ]
        if self.redis:
            port = self.ports + 5 + number
            wire = self.wires.add(("127.0.0.1", port), ("127.0.0.1", self.redis.port))
            self.redis_wires[number] = [wire]
            flags += ["--redis", f"redis://127.0.0.1:{port}"]
        address = f"127.0.0.1:{self.ports + number}"
        name = f"node{number + 1}"
        return Server(name, address, flags, self.folder, self.binary, keeps_name=number == 0)

    def _store_flags(self, nodes):
        flags = ["--data", str(self.folder / "data")]
        if nodes:
            flags += ["--store", "cql", "--cql-nodes", ",".join(nodes)]
            flags += ["--cql-keyspace", KEYSPACE, "--cql-replication", str(len(nodes))]
        return flags

    @property
    def targets(self):
        return ",".join(server.address for server in self.servers)

    def start(self):
        if self.redis:
            self.redis.start()
        if self.cassandra:
            self.cassandra.start()
        # One after the other: the first one makes the schema and the master key.
        for server in self.servers:
            server.start(again=False)

    def people(self, count, file, role=None):
        """Accounts, made by the command line as an operator would."""
        nodes = self.cassandra.nodes if self.cassandra else []
        flags = self._store_flags([f"{node.address}:{cassandra.PORT}" for node in nodes])
        command = [self.binary, "user", "create", "--count", count, "--tokens", file, *flags]
        command += ["--log", "warn", "--accounts-token-ttl-min", "60"]
        command += ["--role", role] if role else []
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)

    def stop(self):
        for server in self.servers:
            server.wanted = False
            server.kill()
        if self.redis:
            self.redis.kill()
        if self.cassandra:
            self.cassandra.kill()

    # Faults: `begin` and `end` by the kind's name.

    def begin(self, fault):
        getattr(self, "_begin_" + fault.kind.replace("-", "_"))(fault.target)

    def end(self, fault):
        end = getattr(self, "_end_" + fault.kind.replace("-", "_"), None)
        if end:
            end(fault.target)

    def _begin_kill(self, number):
        self.servers[number].wanted = False
        self.servers[number].kill()

    def _end_kill(self, number):
        self.servers[number].start()

    def _begin_pause(self, number):
        self.servers[number].pause()

    def _end_pause(self, number):
        self.servers[number].resume()

    def _begin_roll(self, _):
        for server in self.servers:
            server.wanted = False
            server.drain(DRAIN_WINDOW_MS / 1000 + DRAINED_WITHIN_S)
            server.start()
            time.sleep(BETWEEN_SERVERS_S)

    def _begin_redis_kill(self, _):
        self.redis.kill()

    def _end_redis_kill(self, _):
        self.redis.start()

    def _begin_redis_flush(self, _):
        self.redis.flush()

    def _begin_redis_cut(self, number):
        self.wires.cut(self.redis_wires[number])

    def _end_redis_cut(self, number):
        self.wires.heal(self.redis_wires[number])

    def _begin_store_cut(self, number):
        self.wires.cut(self.store_wires[number])

    def _begin_store_deaf(self, number):
        self.wires.deafen(self.store_wires[number])

    def _end_store_cut(self, number):
        self.wires.heal(self.store_wires[number])

    _end_store_deaf = _end_store_cut

    def _begin_cassandra_kill(self, number):
        self.cassandra.nodes[number].kill()

    def _end_cassandra_kill(self, number):
        node = self.cassandra.nodes[number]
        node.spawn()
        node.wait_ready()


def _free_ports():
    """The first of a run of ports that are free on loopback."""
    for first in range(PORT_FIRST, PORT_LAST, PORTS_EACH):
        if all(_is_free(first + offset) for offset in range(PORTS_EACH)):
            return first
    raise Died(f"no {PORTS_EACH} free ports between {PORT_FIRST} and {PORT_LAST}")


def _is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
