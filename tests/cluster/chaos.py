"""Breaks a cluster while people use it, and lets the oracle judge.

    tests/cluster/chaos --seconds 60 --seed 1

Starts Redis, Cassandra and servers, runs `loadtest chat` and `loadtest support` against all
servers, and carries out the schedule of the seed. Then everything is healed, what is under way
settles, and both oracles say what was lost, doubled, reordered or forgotten. Ends with 0 if
nothing was, 1 if something was, 2 if the run could not begin, 3 if a part is missing on this
machine.

The moments of the schedule are those of the seed. What the processes make of them is not: two
runs of one seed break the same things at the same times, and not within the same microsecond.
"""

import argparse
import contextlib
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

import cassandra
import redis
import schedule
from cluster import Cluster
from load import Load
from process import Died, end_in_order

# Everybody has a session and a conversation before anything breaks.
WARM_UP_S = 8
# The last fault: Redis goes away, and the load ends before it is back. No later message shows
# receivers that they missed one; only what the server promises brings it.
LAST_WORDS_S = 3
HEALS_WITHIN_S = 120
WATCH_INTERVAL_S = 0.5
EXIT_SETUP, EXIT_MISSING = 2, 3


def parse(arguments=None):
    return parser().parse_args(arguments)


def parser(says=__doc__):
    parser = argparse.ArgumentParser(
        description=says, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", type=int, default=3)
    parser.add_argument("--cassandra", type=int, default=3, help="nodes; 0: one SQLite file")
    parser.add_argument("--no-redis", action="store_true")
    parser.add_argument("--cql-first", default="127.0.0.21", help="first address of Cassandra")
    parser.add_argument("--kinds", help="only these faults, with commas between")
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--rate", type=float, default=60, help="messages a second in all")
    parser.add_argument("--members", type=int, default=30)
    parser.add_argument("--coaches", type=int, default=6)
    parser.add_argument("--settle-ms", type=int, default=60_000)
    parser.add_argument("--folder", type=Path, help="keep logs and reports here")
    parser.add_argument("--keep", action="store_true", help="keep the folder in any case")
    parser.add_argument("--plan", action="store_true", help="print the schedule and nothing else")
    return parser


class Run:
    """One cluster, one schedule, one verdict."""

    def __init__(self, options, folder, binary=None):
        self.options = options
        self.folder = folder
        self.faults = plan(options)
        self.wrong = []
        self.lock = threading.Lock()
        self.over = threading.Event()
        more = {} if binary is None else {"binary": binary}
        self.cluster = Cluster(
            folder,
            options.servers,
            not options.no_redis,
            options.cassandra,
            options.cql_first,
            **more,
        )
        self.loads = []

    def say(self, line):
        with self.lock:
            print(f"{time.monotonic() - self.began:6.1f} s  {line}", flush=True)

    def carry_out(self):
        """The verdict: what is wrong, in words."""
        options, self.began = self.options, time.monotonic()
        try:
            self.cluster.start()
            self.say(f"{options.servers} servers are up: {self.cluster.targets}")
            self.begin_loads()
            time.sleep(WARM_UP_S)
            self.break_things()
            self.end_loads()
            for load in self.loads:
                self.wrong += load.verdict()
            for server in self.cluster.servers:
                self.wrong += [f"{server.name}: {line}" for line in server.panics()]
        finally:
            self.over.set()
            for load in self.loads:
                load.kill()
            self.cluster.stop()
        return self.wrong

    def begin_loads(self):
        options, cluster = self.options, self.cluster
        people, members, coaches = (self.folder / name for name in ("people", "members", "coaches"))
        common = ["--target", cluster.targets, "--seed", options.seed]
        if options.people:
            cluster.people(options.people, people)
            talk = ["--tokens", people, "--users", options.people, "--rate", options.rate]
            self.load("chat", [*common, *talk])
        if options.members:
            cluster.people(options.members, members)
            cluster.people(options.coaches, coaches, "coach")
            ask = ["--tokens", members, "--users", options.members]
            answer = ["--coach-tokens", coaches, "--coaches", options.coaches]
            self.load("support", [*common, *ask, *answer])

    def load(self, scenario, arguments):
        options = self.options
        load = Load(scenario, arguments, self.folder, options.seconds, options.settle_ms)
        self.loads.append(load)

    def break_things(self):
        """Both tracks side by side, until the schedule is at its end and everything is healed."""
        self.zero = time.monotonic()
        threading.Thread(target=self.watch, daemon=True).start()
        tracks = [
            threading.Thread(target=self.track, args=(name,), daemon=True)
            for name in (schedule.SERVERS, schedule.BENEATH)
        ]
        for track in tracks:
            track.start()
        self.sleep_until(self.options.seconds)
        for track in tracks:
            track.join(HEALS_WITHIN_S)
            if track.is_alive():
                raise Died(f"the cluster was not healed within {HEALS_WITHIN_S} s")

    def sleep_until(self, at):
        time.sleep(max(0.0, self.zero + at - time.monotonic()))

    def track(self, name):
        for fault in (fault for fault in self.faults if fault.track == name):
            self.sleep_until(fault.at)
            if not any(load.is_running() for load in self.loads):
                return
            target = "" if fault.target < 0 else f" {fault.target + 1}"
            try:
                self.say(f"{fault.kind}{target} for {fault.lasts} s")
                self.cluster.begin(fault)
                time.sleep(fault.lasts)
                self.cluster.end(fault)
                self.say(f"{fault.kind}{target} is over")
            except Exception as error:  # Whatever it was, the run is not clean.
                self.say(f"{fault.kind}{target}: {error}")
                self.wrong.append(f"{fault.kind}{target} at {fault.at} s: {error}")
                self.over.set()
                return

    def watch(self):
        """A server that ends by itself is a finding, and is started again."""
        while not self.over.wait(WATCH_INTERVAL_S):
            for server in self.cluster.servers:
                if server.wanted and server.running and not server.is_alive():
                    self.wrong.append(f"{server.name} ended by itself:\n{server.last_words()}")
                    server.wanted = False
                    self.say(f"{server.name} ended by itself")

    def end_loads(self):
        redis = self.cluster.redis
        if redis and not self.options.no_redis:
            self.say("redis-kill, and the load ends meanwhile")
            redis.kill()
            time.sleep(LAST_WORDS_S)
        for load in self.loads:
            load.end()
        if redis and not self.options.no_redis:
            time.sleep(1)
            redis.start()
        self.say("all is healed; what is under way settles")


def plan(options):
    kinds = options.kinds.split(",") if options.kinds else None
    return schedule.plan(
        options.seed,
        options.seconds,
        options.servers,
        not options.no_redis,
        options.cassandra,
        kinds,
    )


def lacks(options):
    """What is not on this machine, in words."""
    if not options.no_redis and (missing := redis.missing()):
        return missing
    if options.cassandra and (missing := cassandra.missing()):
        return missing
    return None


@contextlib.contextmanager
def folder_of(options):
    """Where logs and reports go: kept if it was named, or where something raised."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="sanctuary-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"logs and reports: {folder}", flush=True)
    yield folder
    if not options.folder and not options.keep:
        shutil.rmtree(folder)


def run(options, binary=None):
    """Carries out one run in a folder of its own; its findings."""
    with folder_of(options) as folder:
        wrong = Run(options, folder, binary).carry_out()
        options.keep = options.keep or bool(wrong and binary is None)
        return wrong


def main():
    options = parse()
    end_in_order()
    if missing := lacks(options):
        print(missing, file=sys.stderr)
        return EXIT_MISSING
    print(f"seed {options.seed}, {options.seconds:.0f} s:")
    for fault in plan(options):
        print(fault)
    if options.plan:
        return 0
    try:
        wrong = run(options)
    except Died as died:
        print(f"chaos: {died}", file=sys.stderr)
        return EXIT_SETUP
    for line in wrong:
        print(f"FOUND {line}")
    print(f"seed {options.seed}: " + (f"{len(wrong)} findings" if wrong else "clean"), flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
