"""One server dies and stays dead, while people talk across all of them and watch one another.

    tests/cluster/death --people 1000 --seconds 60

Three questions: does the oracle find anything; when do those who watch hear that the people
who do not come back are gone (promised: 50 s); when are all others of the dead server back on
the other two (promised: 5 s for 99 of 100). Ends as `tests/cluster/chaos` does.
"""

import json
import sys
import time

import chaos
from chaos import EXIT_MISSING, EXIT_SETUP, Run, lacks
from process import Died, end_in_order

# People talk and watch for so long before the server dies.
BEFORE_S = 8
# Those who watch, and of them those who stay away.
WATCHERS, SILENT = 60, 10
BACK_P99_MS = 5_000


class Death(Run):
    """The last server dies; everybody else goes on."""

    def begin_loads(self):
        options, cluster = self.options, self.cluster
        people, watchers = self.folder / "people", self.folder / "watchers"
        cluster.people(options.people, people)
        cluster.people(WATCHERS, watchers)
        common = ["--target", cluster.targets, "--seed", options.seed]
        talk = ["--tokens", people, "--users", options.people, "--rate", options.rate]
        self.load("chat", [*common, *talk])
        watch = ["--tokens", watchers, "--users", WATCHERS, "--silent", SILENT]
        self.load("presence", [*common, *watch])

    def break_things(self):
        chat, presence = self.loads
        began = time.monotonic()
        time.sleep(BEFORE_S)
        doomed = self.cluster.servers[-1]
        self.say(f"{doomed.name} dies, and stays dead")
        doomed.wanted = False
        doomed.kill()
        deadline = began + self.options.seconds
        # The presence load ends by itself once everybody has heard.
        while time.monotonic() < deadline or (
            presence.is_running() and time.monotonic() < deadline + self.options.seconds
        ):
            time.sleep(0.5)
        chat.end()
        presence.end()

    def end_loads(self):
        self.say("what is under way settles")

    def judge_times(self):
        chat = json.loads(self.loads[0].report.read_text())
        back = chat["latency"].get("back")
        if back is None:
            self.wrong.append("death: nobody lost a session")
        elif back["p99_us"] > BACK_P99_MS * 1000:
            self.wrong.append(f"death: back after {back['p99_us'] // 1000} ms (p99)")


def main():
    options = chaos.parse()
    end_in_order()
    if missing := lacks(options):
        print(missing, file=sys.stderr)
        return EXIT_MISSING
    try:
        with chaos.folder_of(options) as folder:
            run = Death(options, folder)
            wrong = run.carry_out()
            run.judge_times()
            options.keep = options.keep or bool(wrong)
    except Died as died:
        print(f"death: {died}", file=sys.stderr)
        return EXIT_SETUP
    for line in wrong:
        print(f"FOUND {line}")
    print(f"{len(wrong)} findings" if wrong else "clean", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
