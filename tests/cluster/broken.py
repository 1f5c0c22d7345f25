"""Servers that are broken on purpose: each has to be caught by a short run of chaos.

    tests/cluster/broken                        all of them
    tests/cluster/broken ack_early no_repair    only these
    tests/cluster/broken --sound                the same runs, nothing broken: must be clean

Needs a binary that was built with `--features broken` (see src/broken.rs) in $BROKEN, by
default target/debug/sanctuary-broken. Ends with 0 if every defect was caught, 1 if one was
not, 3 if a part is missing on this machine.
"""

import argparse
import os
import sys
import time
from pathlib import Path

import chaos
from cluster import TARGET
from process import end_in_order

BINARY = Path(os.environ.get("BROKEN", TARGET / "debug/sanctuary-broken"))
VARIABLE = "DEFECT_ON_PURPOSE"
# The answer of one commit in so many is lost, broken or not.
LUCK, ANSWERS_LOST = "ANSWERS_LOST", {"blind_retry": "20"}
# Luck may spare a defect once.
SEEDS = (1, 2, 3)

# For each defect: the smallest run that shows it, and what the oracle says of it.
DEFECTS = {
    # Killed between the acknowledgement and the write.
    "ack_early": (
        "--seconds 14 --kinds kill --people 60 --rate 200 --members 0",
        {"lost", "moved", "ack_changed", "short_history", "disagreement", "head_went_back"},
    ),
    # The last words are said while Redis is away: no later message gives them away.
    "no_repair": (
        "--seconds 2 --kinds none --people 60 --rate 60 --members 0 --settle-ms 10000",
        {"missing_tail", "not_seen"},
    ),
    # What was asked has happened, and the answers were lost.
    "blind_retry": (
        "--seconds 2 --kinds none --people 60 --rate 100 --members 0",
        {"false_duplicate", "repeated", "ack_changed", "moved"},
    ),
    # Killed between a claim and what follows from it.
    "clear_early": (
        "--seconds 22 --kinds kill --people 0 --members 60 --coaches 12 --settle-ms 10000",
        {"not_told", "forgotten", "board_disagrees", "first_words", "missing_tail", "not_seen"},
    ),
}
COMMON = "--cassandra 1 --cql-first 127.0.0.31"


def kinds(wrong):
    """The kinds among findings such as `chat: lost: conversation:…`."""
    return {parts[1] for line in wrong if len(parts := line.split(": ")) > 2}


def caught(defect, sound):
    """Whether a run says what it should."""
    arguments, expected = DEFECTS[defect]
    setting = {VARIABLE: None if sound else defect, LUCK: ANSWERS_LOST.get(defect)}
    for name, value in setting.items():
        os.environ.pop(name, None)
        if value:
            os.environ[name] = value
    for seed in SEEDS[:1] if sound else SEEDS:
        began = time.monotonic()
        print(f"\n{'nothing broken, as for ' if sound else ''}{defect}, seed {seed}", flush=True)
        options = chaos.parse([*COMMON.split(), *arguments.split(), "--seed", str(seed)])
        wrong = chaos.run(options, BINARY)
        took = time.monotonic() - began
        for line in wrong[:3]:
            print(f"  {line}")
        if sound:
            print(f"{'NOT CLEAN' if wrong else 'clean'} in {took:.0f} s")
            return not wrong
        if found := kinds(wrong) & expected:
            print(f"caught in {took:.0f} s: {', '.join(sorted(found))}")
            return True
        print(f"not caught in {took:.0f} s")
    return False


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("defects", nargs="*", choices=[*DEFECTS, []])
    parser.add_argument("--sound", action="store_true")
    options = parser.parse_args()
    end_in_order()
    if missing := chaos.lacks(chaos.parse(COMMON.split())):
        print(missing, file=sys.stderr)
        return chaos.EXIT_MISSING
    if not BINARY.exists():
        print(f"{BINARY} is not there; tests/run broken builds it", file=sys.stderr)
        return chaos.EXIT_SETUP
    spared = [name for name in options.defects or DEFECTS if not caught(name, options.sound)]
    print(f"\n{'not clean' if options.sound else 'NOT CAUGHT'}: {', '.join(spared) or 'none'}")
    return 1 if spared else 0


if __name__ == "__main__":
    sys.exit(main())
