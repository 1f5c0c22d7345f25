"""What goes wrong and when: the same seed gives the same schedule. No I/O.

Two tracks run side by side, each with one fault at a time: one of the servers, one of what
they stand on. So at most one server is down or paused, at most one node of the store, and a
quorum is never away; but a server may die while Redis is away.
"""

import random
from dataclasses import dataclass

# Nothing goes wrong before; people connect and begin to talk.
CALM_S = 3.0
# Between two faults of a track, at least.
GAP_S = 2.0
# A pause of a server that is longer than any time-out of ours, once in a long run.
LONG_PAUSE_S = 60.0
LONG_RUN_S = 240.0

SERVERS, BENEATH = "servers", "beneath"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong."""

    at: float
    track: str
    kind: str
    # The number of a server, or of a node of the store; -1 where there is only one.
    target: int
    lasts: float

    def __str__(self):
        target = "" if self.target < 0 else f" {self.target + 1}"
        lasts = f" for {self.lasts:.1f} s" if self.lasts else ""
        return f"{self.at:6.1f} s  {self.kind}{target}{lasts}"


# kind: (shortest, longest) seconds.
KINDS = {
    SERVERS: {"kill": (0.5, 3.0), "pause": (5.0, 12.0), "roll": (0.0, 0.0)},
    BENEATH: {
        "redis-kill": (1.0, 5.0),
        "redis-flush": (0.0, 0.0),
        "redis-cut": (3.0, 8.0),
        "store-cut": (3.0, 8.0),
        "store-deaf": (2.0, 5.0),
        "cassandra-kill": (3.0, 8.0),
    },
}
# How long the track is busy beyond `lasts`: a restart, a whole round of restarts.
BUSY_S = {"kill": 2.0, "roll": 12.0, "redis-kill": 0.5, "cassandra-kill": 12.0}
# The first server keeps its name, and waits for the lease of the life that was killed.
LEASE_S = 15.0
# Faults that only some clusters can have.
NEEDS_REDIS = {"redis-kill", "redis-flush", "redis-cut"}
NEEDS_CQL = {"store-cut", "store-deaf"}
NEEDS_QUORUM = {"cassandra-kill"}


def possible(servers, redis, cassandra):
    """The kinds of faults that leave a cluster of this shape a way to recover."""
    beneath = set()
    beneath |= NEEDS_REDIS if redis else set()
    beneath |= NEEDS_CQL if cassandra else set()
    beneath |= NEEDS_QUORUM if cassandra >= 3 else set()
    return {SERVERS: {"kill", "pause", "roll"} if servers else set(), BENEATH: beneath}


def plan(seed, seconds, servers, redis, cassandra, kinds=None):
    """All faults of a run, by time. `kinds` leaves out all others."""
    allowed = possible(servers, redis, cassandra)
    faults = []
    for track in (SERVERS, BENEATH):
        chosen = [kind for kind in KINDS[track] if kind in allowed[track]]
        if kinds is not None:
            chosen = [kind for kind in chosen if kind in kinds]
        # A track of its own each, so that leaving out kinds of one does not change the other.
        rng = random.Random(f"{seed} {track}")
        faults += _track(rng, track, chosen, seconds, servers, redis, cassandra)
    return sorted(faults, key=lambda fault: (fault.at, fault.track))


def _track(rng, track, kinds, seconds, servers, redis, cassandra):
    faults = []
    now = CALM_S + rng.uniform(0, GAP_S)
    placed = True
    while placed:
        placed = False
        # Every kind comes before any comes again.
        for kind in rng.sample(kinds, len(kinds)):
            lasts = rng.uniform(*KINDS[track][kind])
            if kind == "pause" and seconds >= LONG_RUN_S and rng.random() < 0.3:
                lasts = LONG_PAUSE_S
            number = cassandra if kind in NEEDS_QUORUM else servers
            alone = kind in ("roll", "redis-kill", "redis-flush")
            target = -1 if alone else rng.randrange(number)
            busy = lasts + BUSY_S.get(kind, 0.0)
            if kind == "kill" and target == 0 and redis:
                busy = max(busy, LEASE_S + BUSY_S["kill"])
            if now + busy > seconds:
                continue
            placed = True
            faults.append(Fault(round(now, 1), track, kind, target, round(lasts, 1)))
            now += busy + GAP_S + rng.uniform(0, GAP_S)
    return faults
