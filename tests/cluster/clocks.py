"""Servers whose clocks are wrong, and jump, while people use them.

    tests/cluster/clocks

Three servers under libfaketime: one an hour ahead, one an hour behind, one half a minute behind.
Redis and Cassandra keep the true time. While people talk and ask for support on all three, the
clocks jump by two hours and by a minute; then the oracle judges. Beside it:

- a conversation whose messages come from all three is in one order, and says when things were;
- tokens of one server are good on the others, and for as long as they should be;
- a refresh token that is used again within its minute is answered again, on another server and
  after the jump;
- a coach who drops keeps the people being helped for a minute: no less, and little more.

Ends as `tests/cluster/chaos` does.
"""

import glob
import os
import sys
import threading
import time
import uuid

import chaos
from chaos import EXIT_MISSING, EXIT_SETUP, Run, lacks
from client import Refused, Socket, ask, command
from process import Died, end_in_order

# What the servers' machines show, before and after the jump.
WRONG = ["+1h", "-1h", "-30s"]
JUMPED = ["-1h", "+1h", "+30s"]
SHOWN_S = {"+1h": 3600, "-1h": -3600, "-30s": -30, "+30s": 30}
LIBRARIES = [
    "/usr/lib/*/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
]
# From the beginning of the load to the jump, and from there to its end.
BEFORE_S, AFTER_S = 15, 15
# What servers say of the time may differ from ours by so much: of the machine's, of their own.
MACHINE_S, OWN_S = 10, 5
TOKEN_S = 15 * 60
GRACE_S = 60
# A deadline that is met later than this is not met on time, however busy the machine is.
LATE_S = 60
GONE_WITHIN_S = 60


def library():
    """The path of libfaketime, or `None`."""
    found = [os.environ.get("FAKETIME_LIBRARY", ""), *(p for g in LIBRARIES for p in glob.glob(g))]
    return next((path for path in found if os.path.isfile(path)), None)


class Clocks(Run):
    """See the module."""

    def __init__(self, options, folder):
        super().__init__(options, folder)
        self.files = []
        for server, shows in zip(self.cluster.servers, WRONG):
            file = folder / f"{server.name}.clock"
            file.write_text(shows)
            self.files.append(file)
            server.environment = {
                "LD_PRELOAD": library(),
                "FAKETIME_TIMESTAMP_FILE": str(file),
                # Read at each call, so that a clock can jump.
                "FAKETIME_NO_CACHE": "1",
                # What goes on by itself, whatever the machine's clock shows, stays true.
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }

    def check(self, what, is_so):
        self.say(f"{'yes' if is_so else 'NO'}: {what}")
        if not is_so:
            self.wrong.append(f"clocks: {what}")

    def on(self, number):
        return self.cluster.servers[number].address

    def begin_loads(self):
        self.are_wrong(WRONG)
        self.meet()
        self.drop_coach()
        super().begin_loads()

    def break_things(self):
        self.talk()
        time.sleep(BEFORE_S)
        body = {"refresh_token": self.ada["refresh_token"]}
        self.renewed, _ = ask(self.on(0), "/v1/auth/refresh", body)
        for file, shows in zip(self.files, JUMPED):
            # In place at once: a server that reads an empty file takes the true time.
            following = file.with_suffix(".next")
            following.write_text(shows)
            following.replace(file)
        self.say("the clocks jump")
        self.repeat()
        self.talk()
        time.sleep(AFTER_S)
        self.are_wrong(JUMPED, WRONG)

    def end_loads(self):
        for load in self.loads:
            load.end()
        self.say("what is under way settles")
        self.one_order()
        self.grace.join(GRACE_S + 2 * LATE_S)
        self.check("the end of the grace was seen", not self.grace.is_alive())
        for server in self.cluster.servers:
            said, _ = ask(server.address, "/readyz")
            clock = [check for check in said["checks"] if check["name"] == "clock"]
            self.check(f"{server.name} trusts its time", [check["ok"] for check in clock] == [True])

    def are_wrong(self, shown, before=None):
        """The servers' machines show what they should: else nothing here means anything."""
        for server, shows, showed in zip(self.cluster.servers, shown, before or shown):
            off = ask(server.address, "/healthz")[1] - time.time()
            right = abs(off - SHOWN_S[shows]) < MACHINE_S
            # The header `Date` stands still, thread by thread, while the clock is behind it.
            stands = SHOWN_S[shows] < SHOWN_S[showed] and off < SHOWN_S[showed] - AFTER_S / 2
            self.check(f"{server.name}'s machine is off by {shows} ({off:+.0f} s)", right or stands)

    def register(self, number, name):
        """Somebody new, made on one server."""
        tag = uuid.uuid4().hex[:8]
        person = {"email": f"{name}-{tag}@example.org", "password": "a calm password", "name": name}
        asked = time.time()
        made, _ = ask(self.on(number), "/v1/auth/register", person)
        ends, answered = made["expires_at"] / 1000 - TOKEN_S, time.time()
        right = asked - OWN_S < ends < answered + OWN_S
        left = TOKEN_S + ends - answered
        self.check(f"a token of server {number + 1} is good for {left:.0f} s", right)
        for other in range(len(self.cluster.servers)):
            ask(self.on(other), "/v1/me", token=made["access_token"])
        return made

    def meet(self):
        """Two people, on servers that are two hours apart."""
        self.ada, self.lin = self.register(0, "ada"), self.register(1, "lin")
        opened = command(
            self.on(2), self.ada["access_token"], "conversation.open", user_id=self.lin["user"]["id"]
        )
        self.conversation = opened["conversation"]["id"]
        self.sent = []

    def talk(self):
        """By turns, each on the next server."""
        for turn in range(6):
            person = self.ada if turn % 2 else self.lin
            client_id, asked = str(uuid.uuid4()), time.time()
            said = command(
                self.on(turn % 3),
                person["access_token"],
                "conversation.send",
                conversation_id=self.conversation,
                client_id=client_id,
                text=f"turn {len(self.sent)}",
            )
            self.sent.append(client_id)
            at, answered = said["at"] / 1000, time.time()
            right = asked - OWN_S < at < answered + OWN_S
            self.check(f"server {turn % 3 + 1} says when ({at - answered:+.1f} s)", right)

    def repeat(self):
        """The refresh token of before the jump, again, where the clock shows something else."""
        for number in (1, 2, 0):
            try:
                body = {"refresh_token": self.ada["refresh_token"]}
                again, _ = ask(self.on(number), "/v1/auth/refresh", body)
                same = again["refresh_token"] == self.renewed["refresh_token"]
                self.check(f"server {number + 1} repeats what a refresh token gave", same)
            except Refused as error:
                self.check(f"server {number + 1} repeats what a refresh token gave: {error}", False)

    def one_order(self):
        """All servers show the same conversation, in the order in which it was said."""
        topic = f"conversation:{self.conversation}"
        pages = [
            command(server.address, self.lin["access_token"], "topic.read", topic=topic, after=0)
            for server in self.cluster.servers
        ]
        events = pages[0]["events"]
        said = [e["data"]["client_id"] for e in events if e["event"] == "message.created"]
        self.check("all servers show one conversation", all(p == pages[0] for p in pages))
        self.check("it is in the order in which it was said", said == self.sent)
        times = [event["at"] for event in events]
        back = max([a - b for a, b in zip(times, times[1:])], default=0)
        self.check(f"its times go back by {max(back, 0)} ms at most", back < OWN_S * 1000)

    def tokens(self, count, name, role=None):
        file = self.folder / name
        self.cluster.people(count, file, role)
        return [line.split()[1] for line in file.read_text().splitlines()]

    def drop_coach(self):
        """Somebody is helped by a coach, whose connection ends without a goodbye."""
        (coach,), (admin,) = (self.tokens(1, role, role) for role in ("coach", "admin"))
        self.member = self.register(2, "mia")["access_token"]
        # A desk of its own: nobody else looks after it.
        desk = command(self.on(1), admin, "desk.create", client_id=str(uuid.uuid4()), name="Clocks")
        line = Socket(self.on(0), coach, "clocks")
        asked = command(
            self.on(2), self.member, "support.request", desk_id=desk["desk"]["id"], subject="Time"
        )
        command(self.on(1), coach, "support.claim", request_id=asked["request"]["id"])
        line.drop()
        # Servers that began just now do not say for a while that somebody is gone.
        dropped = time.time()
        while (until := self.request().get("grace_until")) is None:
            if time.time() > dropped + GONE_WITHIN_S:
                raise Died("nobody noticed that the coach is gone")
            time.sleep(0.2)
        self.grace_until = until / 1000
        left = self.grace_until - time.time()
        right = dropped + GRACE_S - OWN_S < self.grace_until < time.time() + GRACE_S + OWN_S
        self.check(f"a coach who dropped has {left:.1f} s", right)
        self.grace = threading.Thread(target=self.watch_grace, daemon=True)
        self.grace.start()

    def request(self):
        return command(self.on(2), self.member, "support.status").get("request", {})

    def watch_grace(self):
        """It runs since before the jump."""
        while self.request().get("grace_until") and time.time() < self.grace_until + LATE_S:
            time.sleep(0.5)
        late = time.time() - self.grace_until
        # What we read from two clocks of this machine may be off by the time that it takes.
        self.check(f"the grace ends at its time ({late:+.1f} s)", -0.5 < late < LATE_S)


def main():
    options = chaos.parse()
    end_in_order()
    if missing := lacks(options) or (None if library() else "libfaketime is missing: faketime"):
        print(missing, file=sys.stderr)
        return EXIT_MISSING
    try:
        with chaos.folder_of(options) as folder:
            wrong = Clocks(options, folder).carry_out()
            options.keep = options.keep or bool(wrong)
    except Died as died:
        print(f"clocks: {died}", file=sys.stderr)
        return EXIT_SETUP
    except Refused as refused:
        # A server that takes a good token for an old one, for example.
        wrong = [f"clocks: {refused}"]
    for line in wrong:
        print(f"FOUND {line}")
    print(f"{len(wrong)} findings" if wrong else "clean", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
