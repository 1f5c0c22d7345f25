"""A day at the desks: members ask, coaches come and go, drop, hand over, stay silent, and a server
dies in the middle of it.

    tests/cluster/day

Three servers, Redis and one Cassandra. Each story has a desk of its own and plays beside all
others; every second person is played by Node's `ws` in MessagePack, the others by Python's
`websockets` in JSON, spread over the three servers. The third server dies half-way and stays
dead. Each story ends in the state that it names, and nobody missed, doubled or lost anything.

Ends with 0 if all did, 1 if not, 2 if the run could not begin, 3 if a part is missing here.
"""

import asyncio
import itertools
import sys
import time
import traceback
import uuid

import chaos
from chaos import EXIT_MISSING, EXIT_SETUP, lacks
from cluster import Cluster
from people import Node, NodeProcess, Person, Python
from process import Died, end_in_order

MEMBERS, COACHES = 40, 40
# Silences, shorter than in life, and longer than the minute that a coach who dropped has.
SILENT_S = 35
# A request waits so long for a coach.
WAIT_MAX_S = 60
# Fixed by the protocol: an offer, a hand-over, and the way back of a coach who dropped.
OFFER_S, TRANSFER_S, GRACE_S = 30, 60, 60
# The third server dies so long after the day began.
DIES_AT_S = 30
# On top of a deadline: timers are looked for, commits are made, on a busy machine.
SLACK_S = 25
FLAGS = [
    *("--support-nudge-s", SILENT_S, "--support-unanswered-s", SILENT_S),
    *("--support-warn-s", SILENT_S, "--support-abandon-s", SILENT_S),
    *("--support-max-wait-s", WAIT_MAX_S),
]


class Day:
    """Who takes part, and where."""

    def __init__(self, servers, tokens, node):
        self.servers = servers
        self.tokens = {role: iter(of_role) for role, of_role in tokens.items()}
        self.wires = itertools.cycle([Python, lambda *heard: Node(node, *heard)])
        self.homes = itertools.cycle(range(len(servers)))
        self.people, self.dead = [], asyncio.Event()

    async def person(self, role, home=None):
        home = next(self.homes) if home is None else home
        wire, token = next(self.wires), next(self.tokens[role])
        person = Person(f"{role} {len(self.people)}", token, wire, self.servers, home)
        self.people.append(person)
        return await person.come()

    async def member(self, home=None):
        return await self.person("member", home)

    async def coach(self, desk, available=True, capacity=1, home=None):
        coach = await self.person("coach", home)
        settings = {"available": available, "capacity": capacity, "desks": [desk]}
        await coach.call("coach.set", **settings)
        return coach

    async def desk(self, name):
        made = await self.admin.call("desk.create", client_id=fresh(), name=name)
        return made["desk"]["id"]


def fresh():
    return str(uuid.uuid4())


# What people do in every story.


async def ask(member, desk, subject="sleeping badly", text="Hello, is somebody there?", **more):
    """A request; asked again with the same key, it is the same."""
    asked = await member.call(
        "support.request", desk_id=desk, client_id=fresh(), subject=subject, text=text, **more
    )
    await member.hears("support.queued", id=asked["request"]["id"])
    return asked["request"]


async def accept(coach, request, within_s=SLACK_S):
    await coach.hears("support.offered", within_s, id=request["id"], state="offered")
    await coach.call("support.accept", request_id=request["id"])


async def claim(coach, request):
    await coach.call("support.claim", request_id=request["id"])


async def answered(member, coach):
    await member.hears("support.claimed", state="active", coach={"id": coach.id, "name": coach.name})


async def close(coach, request, summary=None):
    await coach.call("support.close", request_id=request["id"], summary=summary)


async def status(member):
    return await member.call("support.status")


async def ended(person, request, state, **wanted):
    """The request, as it stands in somebody's history. It gets there a moment after its end."""
    deadline = time.monotonic() + SLACK_S
    while True:
        history = await person.call("support.history")
        found = [item for item in history["items"] if item["id"] == request["id"]]
        if found and found[0]["state"] == state:
            break
        assert time.monotonic() < deadline, f"not {state}: {found}"
        await asyncio.sleep(0.5)
    for key, value in wanted.items():
        assert found[0].get(key) == value, f"{key} is {found[0].get(key)!r}, not {value!r}"
    return found[0]


async def texts(person, request):
    log = await person.read(f"conversation:{request['conversation_id']}")
    return [event["data"]["text"] for event in log if event["event"] == "message.created"]


async def chat(member, coach, request, seconds=0):
    """A word of each, and more of them for a while."""
    end = time.monotonic() + seconds
    for n in itertools.count(1):
        await member.says(request["conversation_id"], f"question {n}")
        await coach.says(request["conversation_id"], f"answer {n}")
        if time.monotonic() >= end:
            return
        await asyncio.sleep(min(SILENT_S / 4, max(0.0, end - time.monotonic())))


# The stories.


async def a_quiet_conversation(day):
    """Asked, offered, accepted, talked, closed, rated."""
    desk = await day.desk("quiet")
    coach, member = await day.coach(desk), await day.member()
    request = await ask(member, desk, text="I lie awake.")
    await accept(coach, request)
    await answered(member, coach)
    assert await texts(coach, request) == ["I lie awake."], "the first words are there"
    await chat(member, coach, request)
    await close(coach, request, "Breathing, and a walk.")
    await member.hears("support.closed", state="closed", summary="Breathing, and a walk.")
    await member.refused("closed", "conversation.send", conversation_id=request["conversation_id"],
                         client_id=fresh(), text="And now?")
    await ended(member, request, "closed")
    rating = await member.call("support.rate", request_id=request["id"], stars=4)
    again = await member.call("support.rate", request_id=request["id"], stars=4)
    assert again == rating, "rated once"
    await member.call("support.rate", request_id=request["id"], stars=5, text="Thank you.")
    told = [(await coach.hears("support.rated"))["rating"]["stars"] for _ in range(2)]
    assert told == [4, 5], told
    found = await ended(coach, request, "closed", summary="Breathing, and a walk.")
    assert found["rating"]["stars"] == 5, found
    assert await texts(member, request) == ["I lie awake.", "question 1", "answer 1"]


async def a_member_changes_their_mind(day):
    """Taken back before anybody answered."""
    desk = await day.desk("mind")
    member = await day.member()
    request = await ask(member, desk)
    await member.call("support.cancel", request_id=request["id"])
    await member.hears("support.cancelled", state="cancelled")
    await ended(member, request, "cancelled")
    await member.refused("conflict", "support.rate", request_id=request["id"], stars=1)


async def two_coaches_want_the_same_request(day):
    """One gets it, and the other hears who."""
    desk = await day.desk("race")
    left, right = await day.coach(desk, available=False), await day.coach(desk, available=False)
    member = await day.member()
    request = await ask(member, desk)
    claims = [coach.call("support.claim", request_id=request["id"]) for coach in (left, right)]
    outcomes = await asyncio.gather(*claims, return_exceptions=True)
    lost = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert len(lost) == 1 and lost[0].code == "already_claimed", outcomes
    winner = right if outcomes[0] is lost[0] else left
    assert lost[0].detail["coach"]["id"] == winner.id, lost[0].detail
    await answered(member, winner)
    await close(winner, request)
    await ended(member, request, "closed", coach={"id": winner.id, "name": winner.name})


async def an_offer_that_nobody_takes(day):
    """Timed out with one coach, declined by the next, in its place all the time, and claimed."""
    desk = await day.desk("offers")
    first = await day.coach(desk)
    member, behind = await day.member(), await day.member()
    request = await ask(member, desk)
    await first.hears("support.offered", id=request["id"])
    later = await ask(behind, desk)
    await member.hears("support.requeued", OFFER_S + SLACK_S, state="queued", cause="timed_out")
    assert (await status(member))["position"] == 1, "the place is held"
    second = await day.coach(desk)
    await second.hears("support.offered", id=request["id"])
    await second.call("support.decline", request_id=request["id"])
    await member.hears("support.requeued", state="queued", cause="declined")
    # Whoever said no gets the next one, and not this one again.
    for coach in (first, second):
        await coach.call("coach.set", capacity=2)
    await claim(second, request)
    await answered(member, second)
    await close(second, request)
    await ended(member, request, "closed")
    await claim(second, later)
    await close(second, later)
    await ended(behind, later, "closed")


async def a_place_is_kept_while_somebody_is_away(day):
    """The member drops in the queue, others come, and a coach claims meanwhile."""
    desk = await day.desk("places")
    early, late = await day.member(), await day.member()
    request, other = await ask(early, desk), await ask(late, desk)
    assert (await status(late))["position"] == 2
    early.drop()
    coach = await day.coach(desk, available=False, capacity=2)
    board = await coach.call("desk.board", desk_id=desk)
    assert [waiting["id"] for waiting in board["waiting"]] == [request["id"], other["id"]]
    await claim(coach, request)
    await coach.says(request["conversation_id"], "I am here when you are.")
    await early.come()
    await answered(early, coach)
    assert (await texts(early, request))[-1] == "I am here when you are."
    await close(coach, request)
    await claim(coach, other)
    await close(coach, other)
    await ended(early, request, "closed")
    await ended(late, other, "closed")


async def a_coach_drops_and_comes_back(day):
    """Both sides are told, and nothing happens."""
    desk = await day.desk("back")
    coach, member = await day.coach(desk), await day.member()
    request = await ask(member, desk)
    await accept(coach, request)
    await answered(member, coach)
    coach.drop()
    away = await member.signal("support.coach_away")
    assert away["request_id"] == request["id"] and away["grace_until"], away
    await coach.come()
    back = await member.signal("support.coach_away")
    assert "grace_until" not in back, back
    assert (await status(member))["request"]["state"] == "active"
    await chat(member, coach, request)
    await close(coach, request)
    await ended(member, request, "closed")
    assert "support.requeued" not in [push["event"] for push in member.topic(member.feed).events]


async def a_coach_drops_for_good(day):
    """A minute later the member is at the front of the queue; the next coach reads it all."""
    desk = await day.desk("gone")
    coach, member = await day.coach(desk), await day.member()
    request = await ask(member, desk, text="It began in spring.")
    await accept(coach, request)
    await answered(member, coach)
    await chat(member, coach, request)
    coach.drop()
    await asyncio.sleep(GRACE_S / 2)
    await member.says(request["conversation_id"], "Are you there?")
    waiting = await day.member()
    behind = await ask(waiting, desk)
    await member.hears("support.requeued", GRACE_S + SLACK_S, state="queued", cause="coach_gone")
    assert (await status(member))["position"] == 1, "at the front"
    following = await day.coach(desk)
    await accept(following, request)
    await answered(member, following)
    words = ["It began in spring.", "question 1", "answer 1", "Are you there?"]
    assert await texts(following, request) == words, "whoever takes over reads the conversation"
    await close(following, request)
    await ended(member, request, "closed", coach={"id": following.id, "name": following.name})
    await accept(following, behind)
    await close(following, behind)
    await ended(waiting, behind, "closed")


async def handed_over_to_a_colleague(day):
    """Warm: the first coach answers until the second one accepts, and not one word longer."""
    desk = await day.desk("handover")
    first, second = await day.coach(desk), await day.coach(desk, available=False)
    member = await day.member()
    request = await ask(member, desk, text="Who are you?")
    await accept(first, request)
    await answered(member, first)
    await first.call("support.transfer", request_id=request["id"], coach_id=second.id)
    await second.hears("support.transfer_offered", state="transferring", id=request["id"])
    await member.hears("support.transfer_offered", state="transferring")
    await first.says(request["conversation_id"], "A colleague knows more.")
    await second.call("support.accept", request_id=request["id"])
    for who in (member, first, second):
        await who.hears("support.transferred", state="active",
                        coach={"id": second.id, "name": second.name})
    assert await texts(second, request) == ["Who are you?", "A colleague knows more."]
    await second.says(request["conversation_id"], "Hello.")
    await no_word_more(first, request)
    await close(second, request)
    await ended(member, request, "closed")


async def no_word_more(person, request):
    """Somebody who left writes nothing, and hears nothing that came after."""
    words = {"conversation_id": request["conversation_id"], "client_id": fresh(), "text": "And?"}
    try:
        await person.call("conversation.send", **words)
    except Exception as refused:
        assert refused.code in ("forbidden", "not_found", "closed"), refused
    else:
        raise AssertionError("somebody who left can still write")
    heard = person.topic(f"conversation:{request['conversation_id']}").events
    assert heard[-1]["event"] in ("member.left", "member.joined"), heard[-1]


async def handed_over_to_nobody(day):
    """Nobody takes it within a minute: it stays where it was."""
    desk = await day.desk("stays")
    coach, other = await day.coach(desk), await day.coach(desk, available=False)
    member = await day.member()
    request = await ask(member, desk)
    await accept(coach, request)
    await answered(member, coach)
    await coach.call("support.transfer", request_id=request["id"], coach_id=other.id)
    await other.hears("support.transfer_offered", id=request["id"])
    await chat(member, coach, request, TRANSFER_S - 5)
    await member.hears("support.transferred", TRANSFER_S + SLACK_S, state="active", returned=True,
                       coach={"id": coach.id, "name": coach.name})
    await chat(member, coach, request)
    await close(coach, request)
    await ended(member, request, "closed")


async def nobody_comes(day):
    """The longest wait is over, and the member is told."""
    desk = await day.desk("empty")
    member = await day.member()
    request = await ask(member, desk)
    await member.hears("support.expired", WAIT_MAX_S + SLACK_S, state="expired")
    await ended(member, request, "expired")
    assert "request" not in await status(member), "free to ask again"


async def a_member_who_falls_silent(day):
    """Warned, then abandoned; opened again the same day, and offered to the same coach first."""
    desk = await day.desk("silent")
    coach, member = await day.coach(desk), await day.member()
    request = await ask(member, desk)
    await accept(coach, request)
    await answered(member, coach)
    await coach.says(request["conversation_id"], "How are you today?")
    await member.hears("support.warned", SILENT_S + SLACK_S, user_id=member.id)
    await member.hears("support.abandoned", SILENT_S + SLACK_S, state="abandoned")
    await ended(member, request, "abandoned")
    other = await day.coach(desk)
    await member.call("support.reopen", request_id=request["id"])
    await member.hears("support.reopened", id=request["id"])
    await accept(coach, request)
    await answered(member, coach)
    await chat(member, coach, request)
    await close(coach, request)
    await ended(member, request, "closed")
    assert "support.offered" not in [push["event"] for push in other.topic(other.feed).events]


async def a_coach_who_falls_silent(day):
    """Nudged; then the member is at the front of the queue, and another coach answers."""
    desk = await day.desk("unanswered")
    silent, member = await day.coach(desk), await day.member()
    request = await ask(member, desk)
    await accept(silent, request)
    await answered(member, silent)
    await member.says(request["conversation_id"], "Hello?")
    await silent.hears("support.warned", SILENT_S + SLACK_S, user_id=silent.id)
    await member.hears("support.requeued", SILENT_S + SLACK_S, state="queued", cause="unanswered")
    other = await day.coach(desk)
    await accept(other, request)
    await answered(member, other)
    await no_word_more(silent, request)
    await close(other, request)
    await ended(member, request, "closed", coach={"id": other.id, "name": other.name})


async def opened_again_with_another_coach(day):
    """The next coach reads the conversation and the summary, and not the private notes."""
    desk = await day.desk("again")
    first, second = await day.coach(desk), await day.coach(desk, available=False)
    member = await day.member()
    request = await ask(member, desk)
    await accept(first, request)
    await answered(member, first)
    await first.call("support.note", request_id=request["id"], text="Her father came back.")
    await chat(member, first, request)
    await close(first, request, "Sleep, and a letter.")
    await ended(member, request, "closed")
    await member.call("support.rate", request_id=request["id"], stars=3)
    await first.call("coach.set", available=False)
    asked = await member.call("support.reopen", request_id=request["id"])
    assert asked["request"]["state"] == "queued", asked
    await member.hears("support.reopened", id=request["id"])
    await member.refused("conflict", "support.rate", request_id=request["id"], stars=5)
    await second.call("coach.set", available=True)
    offered = await second.hears("support.offered", id=request["id"])
    assert offered["request"].get("summary") == "Sleep, and a letter.", offered
    await second.call("support.accept", request_id=request["id"])
    await answered(member, second)
    assert (await texts(second, request))[1:] == ["question 1", "answer 1"]
    assert (await second.call("support.notes", member_id=member.id))["items"] == []
    kept = await first.call("support.notes", request_id=request["id"])
    assert [note["text"] for note in kept["items"]] == ["Her father came back."]
    await close(second, request)
    await ended(member, request, "closed", coach={"id": second.id, "name": second.name})
    await member.call("support.rate", request_id=request["id"], stars=5)
    assert (await second.hears("support.rated"))["rating"]["stars"] == 5


async def talking_while_the_server_dies(day):
    """Both are on the server that dies, and so is a third one in the queue."""
    desk = await day.desk("death")
    doomed = len(day.servers) - 1
    coach = await day.coach(desk, home=doomed)
    member, waiting = await day.member(doomed), await day.member(doomed)
    request = await ask(member, desk)
    await accept(coach, request)
    await answered(member, coach)
    behind = await ask(waiting, desk)
    n = 0
    while not day.dead.is_set() or n % 20:
        n += 1
        await member.says(request["conversation_id"], f"word {n}")
        await coach.says(request["conversation_id"], f"echo {n}")
        await asyncio.sleep(0.1)
    assert (await status(member))["request"]["state"] == "active", "nobody was requeued for it"
    spoken = [f"{what} {m}" for m in range(1, n + 1) for what in ("word", "echo")]
    assert (await texts(member, request))[1:] == spoken
    found = await status(waiting)
    assert (found["request"]["state"], found["position"]) == ("queued", 1), found
    await close(coach, request)
    await ended(member, request, "closed")
    await accept(coach, behind)
    await close(coach, behind)
    await ended(waiting, behind, "closed")


async def a_busy_desk(day):
    """Many at one desk, few coaches, through the death of a server: everybody is answered once."""
    desk = await day.desk("busy")
    coaches = [await day.coach(desk, capacity=2) for _ in range(3)]
    members = [await day.member() for _ in range(9)]
    requests = await asyncio.gather(*(ask(member, desk) for member in members))
    done = set()

    async def work(coach):
        while len(done) < len(requests):
            try:
                offered = await coach.hears("support.offered", 5)
            except AssertionError:
                if coach.failure:
                    raise
                continue
            request = offered["request"]
            try:
                await coach.call("support.accept", request_id=request["id"])
            except Exception as refused:
                assert refused.code in ("conflict", "already_claimed"), refused
                continue
            await coach.says(request["conversation_id"], "What can I do?")
            await asyncio.sleep(4)
            await close(coach, request)
            done.add(request["id"])

    await asyncio.gather(*(work(coach) for coach in coaches))
    for member, request in zip(members, requests):
        await ended(member, request, "closed")
        claimed = [p for p in member.topic(member.feed).events if p["event"] == "support.claimed"]
        assert len(claimed) == 1, f"{member.name} was claimed {len(claimed)} times"


STORIES = [
    a_quiet_conversation,
    a_member_changes_their_mind,
    two_coaches_want_the_same_request,
    an_offer_that_nobody_takes,
    a_place_is_kept_while_somebody_is_away,
    a_coach_drops_and_comes_back,
    a_coach_drops_for_good,
    handed_over_to_a_colleague,
    handed_over_to_nobody,
    nobody_comes,
    a_member_who_falls_silent,
    a_coach_who_falls_silent,
    opened_again_with_another_coach,
    talking_while_the_server_dies,
    a_busy_desk,
]


# The run.


async def play(day, cluster, say, stories):
    """All stories beside one another; what is wrong, in words."""
    day.admin = await day.person("admin", 0)

    async def tell(story):
        try:
            await story(day)
            say(f"{story.__name__}")
            return None
        except Exception as error:
            say(f"{story.__name__}: {error!r}")
            where = traceback.extract_tb(error.__traceback__)
            lines = [frame.lineno for frame in where if frame.filename == __file__]
            return f"{story.__name__} (lines {lines}): {error!r}"

    async def die():
        await asyncio.sleep(DIES_AT_S)
        doomed = cluster.servers[-1]
        say(f"{doomed.name} dies, and stays dead")
        doomed.wanted = False
        await asyncio.to_thread(doomed.kill)
        await asyncio.sleep(2)
        day.dead.set()

    dying = asyncio.create_task(die())
    wrong = await asyncio.gather(*(tell(story) for story in stories))
    await dying
    lost = await asyncio.gather(
        *(person.nothing_is_lost() for person in day.people), return_exceptions=True
    )
    pairs = zip(day.people, lost)
    wrong += [f"{person.name} ({person.wire.name}): {error!r}" for person, error in pairs if error]
    say(f"{len(day.people)} people hold what they heard against what is kept")
    return [line for line in wrong if line]


async def live(cluster, tokens, say, stories):
    node = NodeProcess()
    await node.start()
    try:
        servers = [server.address for server in cluster.servers]
        return await play(Day(servers, tokens, node), cluster, say, stories)
    finally:
        await node.stop()


def carry_out(options, folder, stories):
    """The verdict: what is wrong, in words."""
    began = time.monotonic()

    def say(line):
        print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)

    cluster = Cluster(
        folder, options.servers, True, options.cassandra, options.cql_first, flags=FLAGS
    )
    try:
        cluster.start()
        tokens = {}
        for role, count in (("member", MEMBERS), ("coach", COACHES), ("admin", 1)):
            file = folder / role
            cluster.people(count, file, None if role == "member" else role)
            tokens[role] = [line.split()[1] for line in file.read_text().splitlines()]
        say(f"{options.servers} servers are up: {cluster.targets}")
        wrong = asyncio.run(live(cluster, tokens, say, stories))
        for server in cluster.servers:
            wrong += [f"{server.name}: {line}" for line in server.panics()]
        return wrong
    finally:
        cluster.stop()


def main():
    parser = chaos.parser(__doc__)
    parser.add_argument("stories", nargs="*", help="only these")
    parser.set_defaults(cassandra=1)
    options = parser.parse_args()
    names = options.stories
    stories = [story for story in STORIES if not names or story.__name__ in names]
    end_in_order()
    if missing := lacks(options):
        print(missing, file=sys.stderr)
        return EXIT_MISSING
    try:
        with chaos.folder_of(options) as folder:
            wrong = carry_out(options, folder, stories)
            options.keep = options.keep or bool(wrong)
    except Died as died:
        print(f"day: {died}", file=sys.stderr)
        return EXIT_SETUP
    for line in wrong:
        print(f"FOUND {line}")
    print(f"{len(wrong)} findings" if wrong else "a good day", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
