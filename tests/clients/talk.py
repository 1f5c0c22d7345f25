"""One side of a conversation, in JSON: talk.py BASE_URL MY_USERNAME PEER_USERNAME

Written against the protocol alone, with a WebSocket library that is not ours. It makes an
account, finds its peer by username, and both write 50 messages. In the middle its TCP
connection is cut, with one message on its way; the peer goes on. It resumes with cursors and
holds the server to its word: every event once, in order, without a gap. Ends with 0 or 1.
"""

import asyncio
import json
import sys
import urllib.error
import urllib.request
import uuid

from websockets.asyncio.client import connect

MESSAGES = 50
CUT_AT = 10
PAUSE_S = 0.03
WAIT_S = 30
MISSED_MIN = 5


class Refused(Exception):
    """An error of the server's."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error.get('message')}")
        self.code = error["code"]
        self.pause_s = error.get("retry_after_ms", 200) / 1000 if error["retryable"] else None


def post(url, body, token=None):
    """A POST with a JSON body; gives the JSON that comes back."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"POST {url}: {error.code} {error.read().decode()}") from None


class Topic:
    """What was pushed of one topic, checked as it arrives."""

    def __init__(self, name):
        self.name = name
        self.events = []
        self.gap = None

    @property
    def cursor(self):
        return self.events[-1]["seq"] if self.events else None

    def announce(self, gap):
        self.gap = gap

    def push(self, event):
        seq, last = event["seq"], self.cursor
        if last is not None:
            assert seq > last, f"{self.name}: {seq} came after {last}"
            assert seq == last + 1, f"{self.name}: {seq} came after {last}, gap {self.gap}"
        self.events.append(event)


class Session:
    """One person, over as many connections as it takes."""

    def __init__(self, base, token):
        self.url = base.replace("http", "ws", 1) + "/v1/socket"
        self.token = token
        self.device_id = f"talk.py {uuid.uuid4()}"
        self.attempt = 0
        self.next_id = 0
        self.open_commands = {}
        self.topics = {}
        self.news = asyncio.Condition()
        self.failure = None
        self.reader = None

    async def open(self):
        """Connects and resumes where the last connection stood."""
        self.attempt += 1
        self.socket = await connect(self.url, subprotocols=["sanctuary.v1.json"])
        assert self.socket.subprotocol == "sanctuary.v1.json", self.socket.subprotocol
        self.reader = asyncio.create_task(self.read())
        cursors = [
            {"topic": topic.name, "seq": topic.cursor}
            for topic in self.topics.values()
            if topic.cursor is not None
        ]
        opened = await self.call(
            "session.open",
            token=self.token,
            device_id=self.device_id,
            attempt=self.attempt,
            client="talk.py",
            cursors=cursors,
        )
        assert opened["behind"] == [], f"so few events are replayed whole: {opened['behind']}"
        return opened

    def cut(self):
        """The connection breaks: no close frame, no FIN."""
        self.socket.transport.abort()
        self.reader.cancel()
        self.open_commands.clear()

    async def read(self):
        try:
            async for message in self.socket:
                assert isinstance(message, str), "JSON comes in text frames"
                frames = json.loads(message)
                async with self.news:
                    for frame in frames if isinstance(frames, list) else [frames]:
                        self.take(frame)
                    self.news.notify_all()
        except AssertionError as failure:
            await self.fail(failure)

    async def fail(self, failure):
        self.failure = failure
        async with self.news:
            self.news.notify_all()
        for reply in self.open_commands.values():
            if not reply.done():
                reply.set_exception(failure)

    def take(self, frame):
        if "event" not in frame:
            reply = self.open_commands.pop(frame.get("id"), None)
            assert reply is not None, f"a reply that nobody waits for: {frame}"
            if "error" in frame:
                reply.set_exception(Refused(frame["error"]))
            else:
                reply.set_result(frame["result"])
        elif frame.get("seq") is not None:
            self.topic(frame["topic"]).push(frame)
        elif frame["event"] == "gap":
            self.topic(frame["data"]["topic"]).announce(frame["data"])

    def topic(self, name):
        return self.topics.setdefault(name, Topic(name))

    async def begin(self, method, **params):
        """Sends a command; gives the future of its result."""
        self.next_id += 1
        reply = asyncio.get_running_loop().create_future()
        self.open_commands[self.next_id] = reply
        frame = {"id": self.next_id, "method": method, "params": params}
        await self.socket.send(json.dumps(frame))
        return reply

    async def call(self, method, **params):
        while True:
            if self.failure:
                raise self.failure
            try:
                return await asyncio.wait_for(await self.begin(method, **params), WAIT_S)
            except Refused as refused:
                if refused.pause_s is None:
                    raise
                await asyncio.sleep(refused.pause_s)

    async def until(self, happened, what):
        async def wait():
            async with self.news:
                await self.news.wait_for(lambda: self.failure or happened())

        try:
            await asyncio.wait_for(wait(), WAIT_S)
        except TimeoutError:
            raise AssertionError(f"did not happen in {WAIT_S} s: {what}") from None
        if self.failure:
            raise self.failure

    async def history(self, topic):
        """The whole log of a topic."""
        events, head = [], 1
        while len(events) < head:
            after = events[-1]["seq"] if events else 0
            page = await self.call("topic.read", topic=topic, after=after, limit=100)
            head = page["head"]
            assert page["events"] or len(events) == head, "an empty page before the head"
            events += page["events"]
        assert [event["seq"] for event in events] == list(range(1, head + 1)), "gaps in the log"
        return events


async def find(session, username):
    """The peer, as soon as it has its account."""
    for _ in range(WAIT_S * 10):
        try:
            return (await session.call("profile.get", username=username))["profile"]
        except Refused as refused:
            if refused.code != "not_found":
                raise
            await asyncio.sleep(0.1)
    raise AssertionError(f"{username} did not come")


def texts(events, sender):
    messages = [event["data"] for event in events if event["event"] == "message.created"]
    return [data["text"] for data in messages if data["sender_id"] == sender]


class Talk:
    def __init__(self, base, token, session, me, peer, conversation):
        self.base, self.token, self.session = base, token, session
        self.me, self.peer = me, peer
        self.conversation_id = conversation["id"]
        self.topic = f"conversation:{conversation['id']}"
        self.sent = {}

    def message(self, text, client_id=None):
        client_id = client_id or str(uuid.uuid4())
        return {"conversation_id": self.conversation_id, "client_id": client_id, "text": text}

    async def send(self, text, message=None):
        message = message or self.message(text)
        sent = await self.session.call("conversation.send", **message)
        first = self.sent.setdefault(message["client_id"], {**sent, "text": text})
        same = all(sent[key] == first[key] for key in ("seq", "message_id"))
        assert same, f"sent again, {text} stands at {sent['seq']} and not at {first['seq']}"
        return sent

    async def greet(self):
        """Starts only when both are there, so that each is cut off while the other writes."""
        await self.send("hello")
        for _ in range(WAIT_S * 10):
            if texts(await self.session.history(self.topic), self.peer):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("the peer said nothing")

    async def head(self):
        """Over HTTP, since there is no socket now."""
        params = {"conversation_id": self.conversation_id}
        command = {"id": 1, "method": "conversation.get", "params": params}
        reply = await asyncio.to_thread(post, f"{self.base}/v1/commands", command, self.token)
        return reply["result"]["conversation"]["head_seq"]

    async def be_cut_off(self, text):
        """Loses the connection with a message on its way, and comes back later."""
        message = self.message(text)
        await self.session.begin("conversation.send", **message)
        self.session.cut()
        cursor = self.session.topic(self.topic).cursor
        for _ in range(WAIT_S * 20):
            if await self.head() >= cursor + MISSED_MIN:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("the peer did not go on")
        opened = await self.session.open()
        head = next(h["head"] for h in opened["heads"] if h["topic"] == self.topic)
        assert head >= cursor + MISSED_MIN, f"the head went back to {head}"
        first = await self.send(text, message)
        again = await self.send(text, message)
        assert again["duplicate"] is True, f"not known as a duplicate: {again}"
        topic = self.session.topic(self.topic)
        await self.session.until(lambda: topic.cursor >= head, "the replay")
        arrived = "had arrived" if first["duplicate"] else "had been lost"
        print(f"cut off at {cursor}, resumed at {head}; the message on its way {arrived}")

    async def check(self):
        """Holds what was pushed against the log, and the log against what was written."""
        log = await self.session.history(self.topic)
        pushed = self.session.topic(self.topic).events
        base = pushed[0]["seq"] - 1
        assert log[base : base + len(pushed)] == pushed, "the log differs from what was pushed"
        assert pushed[-1]["seq"] == len(log), f"{pushed[-1]['seq']} pushed, {len(log)} in the log"
        messages = [event for event in log if event["event"] == "message.created"]
        numbers = [event["data"]["number"] for event in messages]
        assert numbers == list(range(1, len(messages) + 1)), "the numbers have gaps"
        places = {event["data"]["client_id"]: event["seq"] for event in messages}
        assert len(places) == len(messages), "a client_id stands twice"
        for client_id, sent in self.sent.items():
            assert places[client_id] == sent["seq"], f"{sent['text']}: not where it was acknowledged"
        expected = ["hello"] + [str(n) for n in range(1, MESSAGES + 1)]
        assert texts(log, self.me) == expected, f"mine: {texts(log, self.me)}"
        assert texts(log, self.peer) == expected, f"the peer's: {texts(log, self.peer)}"
        print(f"{len(log)} events in the log, {len(pushed)} pushed: the same, in order, once each")


async def main(base, username, peer_name):
    email, password = f"{username}@example.org", f"quiet river {username}"
    person = {"email": email, "password": password, "name": username.title(), "username": username}
    await asyncio.to_thread(post, f"{base}/v1/auth/register", person)
    login = {"email": email, "password": password}
    tokens = await asyncio.to_thread(post, f"{base}/v1/auth/login", login)
    me = tokens["user"]["id"]

    session = Session(base, tokens["access_token"])
    opened = await session.open()
    assert opened["user"]["id"] == me
    print(f"{username} is here")
    peer = await find(session, peer_name)
    conversation = (await session.call("conversation.open", user_id=peer["id"]))["conversation"]
    assert {person["id"] for person in conversation["members"]} == {me, peer["id"]}

    talk = Talk(base, tokens["access_token"], session, me, peer["id"], conversation)
    await talk.greet()
    for n in range(1, MESSAGES + 1):
        if n == CUT_AT:
            await talk.be_cut_off(str(n))
        else:
            await talk.send(str(n))
        await asyncio.sleep(PAUSE_S)
    topic = session.topic(talk.topic)

    def both_done():
        return all(str(MESSAGES) in texts(topic.events, who) for who in (me, peer["id"]))

    await session.until(both_done, "the last message of both")
    await talk.check()
    await session.call("session.close")
    await session.socket.close()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except (AssertionError, Refused) as failure:
        sys.exit(f"FAILED: {failure}")
