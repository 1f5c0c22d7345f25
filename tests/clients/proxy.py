"""Three nodes behind HAProxy, restarted one after another and killed: proxy.py SANCTUARY FOLDER

Uses src/ops/haproxy.cfg as it is. People talk in pairs through the proxy, with a WebSocket
library that is not ours, while each node goes down and comes back, and then one is killed. Who
is sent away is told so, comes back when told, is never turned away by the proxy, and sends again
what was not acknowledged. In the end every acknowledged message is in its conversation once, in
the order of its sender. Ends with 0 or 1.
"""

import asyncio
import json
import os
import random
import signal
import socket
import sys
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage

CONFIG = Path(__file__).parents[2] / "src/ops/haproxy.cfg"
PAIRS = 10
DRAIN_WINDOW_MS = 2_000
WAIT_S = 60
PAUSE_S = 0.02


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http(url, body=None):
    """Status and JSON of a request."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
            text = answer.read()
            return answer.status, json.loads(text) if text.startswith(b"{") else None
    except urllib.error.HTTPError as error:
        return error.code, None
    except OSError:
        return 0, None


async def eventually(happened, what):
    async def wait():
        while not await asyncio.to_thread(happened):
            await asyncio.sleep(0.1)

    try:
        await asyncio.wait_for(wait(), WAIT_S)
    except TimeoutError:
        raise AssertionError(f"did not happen in {WAIT_S} s: {what}") from None


class Node:
    """One process, on a port that stays its own."""

    def __init__(self, binary, folder, name):
        self.name, self.port = name, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [
            binary, "serve", "--listen", f"127.0.0.1:{self.port}", "--data", folder,
            "--node", name, "--limits", "off", "--log", "warn", "--trust-proxy", "on",
            "--drain-window-ms", str(DRAIN_WINDOW_MS),
        ]  # fmt: skip

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdout=asyncio.subprocess.DEVNULL
        )
        await eventually(lambda: http(f"{self.url}/readyz")[0] == 200, f"{self.name} is ready")

    async def stop(self):
        """Drains it. While it does, it says that it does."""
        self.process.send_signal(signal.SIGTERM)
        await eventually(lambda: http(f"{self.url}/readyz")[0] != 200, f"{self.name} says so")
        assert await asyncio.wait_for(self.process.wait(), WAIT_S) == 0

    async def kill(self):
        self.process.kill()
        await self.process.wait()


class Talker:
    """Sends on and on through the proxy."""

    def __init__(self, url, token):
        self.url, self.token = url.replace("http", "ws", 1) + "/v1/socket", token
        self.device_id = str(uuid.uuid4())
        self.conversation = None
        self.acknowledged = []
        self.pending = None
        self.waits = []
        self.sent_away = self.broken = self.turned_away = self.attempt = 0

    async def dialled(self):
        return await connect(self.url, subprotocols=["sanctuary.v1.json"])

    async def opened(self, ws):
        self.attempt += 1
        await self.call(
            ws, "session.open",
            token=self.token, device_id=self.device_id, attempt=self.attempt,
        )  # fmt: skip

    async def connected(self):
        ws = await self.dialled()
        await self.opened(ws)
        return ws

    async def call(self, ws, method, **params):
        """The result of a command; signals on the way are heard."""
        await ws.send(json.dumps({"id": 1, "method": method, "params": params}))
        while True:
            frames = json.loads(await asyncio.wait_for(ws.recv(), WAIT_S))
            for frame in frames if isinstance(frames, list) else [frames]:
                self.hear(frame)
                if frame.get("id") == 1:
                    assert "error" not in frame, frame
                    return frame["result"]

    def hear(self, frame):
        if frame.get("event") == "bye":
            self.waits.append(frame["data"]["retry_after_ms"])

    async def farewell(self, ws):
        """What came before the close and was not read yet."""
        try:
            while True:
                frames = json.loads(await ws.recv())
                for frame in frames if isinstance(frames, list) else [frames]:
                    self.hear(frame)
        except ConnectionClosed:
            pass

    async def talk(self, over):
        ws = None
        while not (over.is_set() and self.pending is None):
            try:
                ws = await self.dialled()
                await self.opened(ws)
                while not (over.is_set() and self.pending is None):
                    self.pending = self.pending or str(uuid.uuid4())
                    await self.call(
                        ws, "conversation.send", text="on and on",
                        conversation_id=self.conversation, client_id=self.pending,
                    )  # fmt: skip
                    self.acknowledged.append(self.pending)
                    self.pending = None
                    await asyncio.sleep(PAUSE_S)
                await ws.close()
            except ConnectionClosed as closed:
                if closed.rcvd is not None:
                    assert closed.rcvd.code == 4001, closed
                    self.sent_away += 1
                    await self.farewell(ws)
                    assert len(self.waits) == self.sent_away, "a close without a bye"
                    await asyncio.sleep(self.waits[-1] / 1_000)
                else:
                    self.broken += 1
                    await asyncio.sleep(random.uniform(0, 0.5))
            except (InvalidHandshake, InvalidMessage, OSError) as error:
                print(f"turned away: {error}")
                self.turned_away += 1
                await asyncio.sleep(random.uniform(0, 0.5))

    async def history(self):
        ws = await self.connected()
        sent, after, head = [], 0, 1
        while after < head:
            topic = f"conversation:{self.conversation}"
            page = await self.call(ws, "topic.read", topic=topic, after=after, limit=100)
            head, after = page["head"], page["events"][-1]["seq"]
            sent += [e["data"]["client_id"] for e in page["events"] if e["event"] == "message.created"]
        await ws.close()
        return sent


async def people(url):
    talkers = []
    for n in range(2 * PAIRS):
        name = f"p{n}_{uuid.uuid4().hex[:8]}"
        person = {"email": f"{name}@example.org", "password": "a calm password", "name": name}
        status, answer = await asyncio.to_thread(http, f"{url}/v1/auth/register", person)
        assert status in (200, 201), status
        talkers.append((Talker(url, answer["access_token"]), answer["user"]["id"]))
    for (one, _), (other, other_id) in zip(talkers[::2], talkers[1::2]):
        ws = await one.connected()
        opened = await one.call(ws, "conversation.open", user_id=other_id)
        one.conversation = other.conversation = opened["conversation"]["id"]
        await ws.close()
    return [talker for talker, _ in talkers]


async def run(binary, folder):
    nodes = [Node(binary, folder, f"node{n}") for n in (1, 2, 3)]
    proxy = None
    try:
        for node in nodes:
            await node.start()
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        addresses = {node.name.upper(): f"127.0.0.1:{node.port}" for node in nodes}
        settings = {**os.environ, **addresses, "LISTEN": f"127.0.0.1:{port}"}
        proxy = await asyncio.create_subprocess_exec("haproxy", "-f", CONFIG, env=settings)
        await eventually(lambda: http(f"{url}/readyz")[0] == 200, "the proxy answers")
        assert (await asyncio.to_thread(http, f"{url}/metrics"))[0] == 404, "metrics are not public"

        talkers = await people(url)
        over = asyncio.Event()
        running = [asyncio.create_task(talker.talk(over)) for talker in talkers]
        await asyncio.sleep(2)
        for node in nodes:
            await node.stop()
            await node.start()
            # The proxy looks twice before it believes that.
            await asyncio.sleep(3)
        turned_away = sum(talker.turned_away for talker in talkers)
        sent_away = sum(talker.sent_away for talker in talkers)
        waits = {wait for talker in talkers for wait in talker.waits}
        assert sum(talker.broken for talker in talkers) == 0, "a drain cut somebody off"
        assert turned_away == 0, "the proxy turned somebody away"
        assert sent_away >= 2 * PAIRS, f"{sent_away} were sent away by three nodes"
        assert len(waits) > sent_away / 2, f"all come back at once: {sorted(waits)}"

        await nodes[0].kill()
        before = [len(talker.acknowledged) for talker in talkers]
        await eventually(
            lambda: all(len(t.acknowledged) > n + 10 for t, n in zip(talkers, before)),
            "everybody goes on after one node was killed",
        )
        over.set()
        await asyncio.wait_for(asyncio.gather(*running), WAIT_S)
        for one, other in zip(talkers[::2], talkers[1::2]):
            history = await one.history()
            assert len(history) == len(set(history)), "a message is there twice"
            for talker in (one, other):
                own = set(talker.acknowledged)
                kept = [message for message in history if message in own]
                assert kept == talker.acknowledged, "lost, or not in order"
        acknowledged = sum(len(talker.acknowledged) for talker in talkers)
        broken = sum(talker.broken for talker in talkers)
        print(
            f"{acknowledged} messages over 3 drains and a kill: none lost, none doubled; "
            f"{sent_away} people sent away, {broken} cut off by the kill"
        )
    finally:
        for process in [node.process for node in nodes if hasattr(node, "process")] + [proxy]:
            if process is not None and process.returncode is None:
                process.kill()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    asyncio.run(run(*sys.argv[1:]))
