"""People who use the servers over sockets: some by Python's `websockets` in JSON, some by Node's
`ws` in MessagePack (`tests/clients/people.mjs`). To a story they are all the same.

A person keeps what was pushed, holds each topic to its promise (every seq once, in order), and
when a connection breaks comes back on another server with cursors. So what a story waits for is
found wherever it arrived.
"""

import asyncio
import itertools
import json
import uuid
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

PEOPLE_MJS = Path(__file__).resolve().parent.parent / "clients" / "people.mjs"
# An answer takes no longer, whatever breaks.
REPLY_WITHIN_S = 20
# A server that does not answer the upgrade is left for another one.
CONNECT_WITHIN_S = 5
BETWEEN_TRIES_S = 0.3
BACK_WITHIN_S = 30


class Lost(Exception):
    """The connection broke."""


class Refused(Exception):
    """An error of the server's."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error.get('message')}")
        self.code = error["code"]
        self.detail = error.get("detail")
        self.pause_s = error.get("retry_after_ms", 200) / 1000 if error["retryable"] else None


class Python:
    """One connection, by Python."""

    name = "python"

    def __init__(self, heard, closed):
        self.heard, self.closed = heard, closed
        self.socket = self.reader = None

    async def connect(self, url):
        self.socket = await connect(url, subprotocols=["sanctuary.v1.json"])
        assert self.socket.subprotocol == "sanctuary.v1.json", self.socket.subprotocol
        self.reader = asyncio.create_task(self._read(self.socket))

    async def _read(self, socket):
        try:
            async for message in socket:
                assert isinstance(message, str), "JSON comes in text frames"
                frames = json.loads(message)
                for frame in frames if isinstance(frames, list) else [frames]:
                    self.heard(frame)
        except ConnectionClosed:
            pass
        if socket is self.socket:
            self.closed()

    async def send(self, frame):
        await self.socket.send(json.dumps(frame))

    def cut(self):
        socket, self.socket = self.socket, None
        if socket:
            socket.transport.abort()


class Node:
    """One connection, by Node: all of them live in one process."""

    name = "node"

    def __init__(self, process, heard, closed):
        self.process, self.heard = process, heard
        self.who = process.enter(self)
        self.connected, self.gone = None, closed

    async def connect(self, url):
        self.connected = asyncio.get_running_loop().create_future()
        self.process.say(self.who, "connect", url=url)
        await self.connected

    def take(self, line):
        if "frame" in line:
            self.heard(line["frame"])
        elif not self.connected.done():
            if "closed" in line:
                self.connected.set_exception(OSError(f"closed with {line['closed']}"))
            else:
                self.connected.set_result(None)
        elif "closed" in line:
            self.gone()

    async def send(self, frame):
        self.process.say(self.who, "send", frame=frame)

    def cut(self):
        self.process.say(self.who, "cut")


class NodeProcess:
    """The process in which Node's people live."""

    def __init__(self):
        self.wires, self.numbers, self.process = {}, itertools.count(), None

    async def start(self):
        pipe = asyncio.subprocess.PIPE
        self.process = await asyncio.create_subprocess_exec(
            "node", PEOPLE_MJS, stdin=pipe, stdout=pipe, limit=4 * 1024 * 1024
        )
        self.reader = asyncio.create_task(self._read())

    def enter(self, wire):
        who = str(next(self.numbers))
        self.wires[who] = wire
        return who

    def say(self, who, what, **more):
        line = json.dumps({"who": who, "do": what, **more})
        self.process.stdin.write(line.encode() + b"\n")

    async def _read(self):
        async for line in self.process.stdout:
            line = json.loads(line)
            self.wires[line["who"]].take(line)

    async def stop(self):
        if self.process and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


class Topic:
    """What was pushed of one topic, each seq once and in order."""

    def __init__(self, name):
        self.name, self.events = name, []

    @property
    def cursor(self):
        return self.events[-1]["seq"] if self.events else None

    def push(self, event):
        last = self.cursor
        assert last is None or event["seq"] == last + 1, f"{self.name}: {event['seq']} after {last}"
        self.events.append(event)


class Person:
    """Somebody, over as many connections as it takes."""

    def __init__(self, name, token, wire, servers, home=0):
        self.name, self.token = name, token
        self.wire = wire(self._heard, self._closed)
        # The one to begin at, then the others.
        self.servers = servers[home:] + servers[:home]
        self.device_id = f"day {uuid.uuid4()}"
        self.id = self.feed = self.failure = self.coming_back = None
        # Where the feed stood at first.
        self.began = None
        self.open, self.attempt, self.ids = False, 0, itertools.count(1)
        self.topics, self.replies, self.signals = {}, {}, []
        self.found = {}
        self.sent = {}
        self.news = asyncio.Condition()

    # The connection.

    async def come(self):
        """Connects, wherever somebody listens, and resumes."""
        deadline = asyncio.get_running_loop().time() + BACK_WITHIN_S
        for server in itertools.cycle(self.servers):
            self.attempt += 1
            try:
                await asyncio.wait_for(self.wire.connect(f"ws://{server}/v1/socket"), CONNECT_WITHIN_S)
                opened = await self._begin(
                    "session.open",
                    token=self.token,
                    device_id=self.device_id,
                    attempt=self.attempt,
                    client=f"day, {self.wire.name}",
                    cursors=self._cursors(),
                )
                assert opened["behind"] == [], f"so few events are replayed whole: {opened['behind']}"
                self.id = opened["user"]["id"]
                self.feed = f"user:{self.id}"
                if self.began is None:
                    heads = {head["topic"]: head["head"] for head in opened["heads"]}
                    self.began = heads.get(self.feed, 0)
                self.name = opened["user"]["name"]
                self.open = True
                await self._tell()
                return self
            except (OSError, TimeoutError, InvalidHandshake, ConnectionClosed, Lost, Refused) as error:
                if isinstance(error, Refused) and error.pause_s is None:
                    raise
                self.wire.cut()
                if asyncio.get_running_loop().time() > deadline:
                    raise AssertionError(f"{self.name} does not get in: {error!r}") from error
                await asyncio.sleep(BETWEEN_TRIES_S)

    def _cursors(self):
        cursors = {topic.name: topic.cursor for topic in self.topics.values() if topic.events}
        if self.began is not None:
            cursors.setdefault(self.feed, self.began)
        return [{"topic": name, "seq": seq} for name, seq in cursors.items()]

    def drop(self):
        """The connection breaks: no close frame, and nobody comes back by itself."""
        self.open = False
        self.wire.cut()
        self._lose()

    async def leave(self):
        """Says goodbye."""
        await self.call("session.close")
        self.drop()

    def _closed(self):
        if self.open:
            self.open = False
            self._lose()
            self.coming_back = asyncio.create_task(self._come_back())

    async def _come_back(self):
        try:
            await self.come()
        except Exception as error:
            await self._fail(error)

    def _lose(self):
        for reply in self.replies.values():
            if not reply.done():
                reply.set_exception(Lost())
        self.replies.clear()

    # What is heard.

    def _heard(self, frame):
        try:
            if "event" not in frame:
                reply = self.replies.pop(frame.get("id"), None)
                if reply and not reply.done():
                    if "error" in frame:
                        reply.set_exception(Refused(frame["error"]))
                    else:
                        reply.set_result(frame["result"])
            elif frame.get("seq") is not None:
                self.topic(frame["topic"]).push(frame)
            else:
                self.signals.append(frame)
        except AssertionError as failure:
            self.failure = failure
        asyncio.ensure_future(self._tell())

    async def _fail(self, failure):
        self.failure = failure
        await self._tell()

    async def _tell(self):
        async with self.news:
            self.news.notify_all()

    def topic(self, name):
        return self.topics.setdefault(name, Topic(name))

    async def until(self, happened, what, within_s=REPLY_WITHIN_S):
        """What `happened` finds, as soon as it finds something."""
        found = None

        def look():
            nonlocal found
            found = happened()
            return self.failure or found

        async def wait():
            async with self.news:
                await self.news.wait_for(look)

        try:
            await asyncio.wait_for(wait(), within_s)
        except TimeoutError:
            heard = [event["event"] for event in self.topic(self.feed).events]
            raise AssertionError(
                f"{self.name} waited {within_s} s for {what}; the feed: {heard}"
            ) from None
        if self.failure:
            raise self.failure
        return found

    async def hears(self, event, within_s=REPLY_WITHIN_S, **wanted):
        """The next event of that name in one's feed, which has to be so."""

        def look():
            events = self.topic(self.feed).events
            start = self.found.get(event, 0)
            for at, push in enumerate(events[start:], start):
                if push["event"] == event:
                    self.found[event] = at + 1
                    return push["data"]
            return None

        data = await self.until(look, event, within_s)
        facts = {**data, **data.get("request", {})}
        for key, value in wanted.items():
            assert facts.get(key) == value, f"{event}: {key} is {facts.get(key)!r}, not {value!r}"
        return data

    async def signal(self, event, within_s=REPLY_WITHIN_S):
        """The next signal of that name."""

        def look():
            for at, push in enumerate(self.signals):
                if push["event"] == event:
                    del self.signals[: at + 1]
                    return push["data"]
            return None

        return await self.until(look, event, within_s)

    # What is asked.

    async def _begin(self, method, **params):
        reply = asyncio.get_running_loop().create_future()
        number = next(self.ids)
        self.replies[number] = reply
        await self.wire.send({"id": number, "method": method, "params": params})
        return await asyncio.wait_for(reply, REPLY_WITHIN_S)

    async def call(self, method, **params):
        """The result; asked again when the connection broke, or the server was busy."""
        deadline, again = asyncio.get_running_loop().time() + BACK_WITHIN_S, False
        while True:
            await self.until(lambda: self.open, "a connection", BACK_WITHIN_S)
            try:
                return await self._begin(method, **params)
            except (Lost, ConnectionClosed, TimeoutError):
                pause_s, again = BETWEEN_TRIES_S, True
            except Refused as refused:
                if again and refused.code == "conflict":
                    # It happened, and its answer was lost: what follows from it is heard.
                    return None
                if refused.pause_s is None:
                    raise
                pause_s = refused.pause_s
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"{self.name}: no answer to {method}")
            await asyncio.sleep(pause_s)

    async def refused(self, code, method, **params):
        """The error, which has to come."""
        try:
            result = await self.call(method, **params)
        except Refused as refused:
            assert refused.code == code, f"{method}: {refused}, not {code}"
            return refused
        raise AssertionError(f"{method} is not refused with {code}: {result}")

    async def read(self, topic):
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

    async def says(self, conversation_id, text):
        """A message, once however often it is sent."""
        client_id = str(uuid.uuid4())
        sent = await self.call(
            "conversation.send", conversation_id=conversation_id, client_id=client_id, text=text
        )
        self.sent[client_id] = (conversation_id, sent["seq"], text)
        return sent

    async def nothing_is_lost(self):
        """Holds what was pushed against the log, and the log against what was acknowledged."""
        if self.failure:
            raise self.failure
        if not self.open:
            await self.come()
        logs = {}
        for name in [self.feed, *{f"conversation:{sent[0]}" for sent in self.sent.values()}]:
            logs[name] = await self.read(name)
        for name, log in logs.items():
            pushed = self.topic(name).events
            if pushed:
                first = pushed[0]["seq"] - 1
                await self.until(
                    lambda pushed=pushed, log=log: pushed[-1]["seq"] >= log[-1]["seq"], name
                )
                there = log[first : first + len(pushed)]
                assert there == pushed[: len(there)], f"{self.name}: {name} is not what was pushed"
        for client_id, (conversation, seq, text) in self.sent.items():
            log = logs[f"conversation:{conversation}"]
            places = [
                event["seq"]
                for event in log
                if event["event"] == "message.created" and event["data"]["client_id"] == client_id
            ]
            assert places == [seq], f"{self.name}: {text!r} stands at {places}, not at {seq}"
