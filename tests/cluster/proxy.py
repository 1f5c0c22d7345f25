"""Wires between a server and what it needs, which can be cut.

A wire is a TCP proxy of its own for each server and each of its peers, so that one server can
lose one peer while all others keep it. Three ways to lose it:

- cut: nothing passes, and nothing says so; what was on its way arrives when the wire is whole;
- deaf: what the server sends arrives, the answers do not, and in the end the connections break.
  What was asked has happened, and the server does not know;
- the peer itself dies: connections break at once, as they do without a proxy.
"""

import asyncio
import contextlib
import threading

CHUNK_BYTES = 64 * 1024


class Wire:
    """From one address, where a server dials, to another."""

    def __init__(self, listen, peer):
        self.listen = listen
        self.peer = peer
        self.asks, self.answers = asyncio.Event(), asyncio.Event()
        self.writers = set()
        self.asks.set()
        self.answers.set()

    async def open(self):
        self.server = await asyncio.start_server(self._serve, *self.listen, reuse_address=True)

    async def cut(self):
        self.asks.clear()
        self.answers.clear()

    async def deafen(self):
        self.answers.clear()

    async def heal(self):
        if self.asks.is_set() and not self.answers.is_set():
            for writer in list(self.writers):
                writer.transport.abort()
        self.asks.set()
        self.answers.set()

    async def _serve(self, reader, writer):
        await self.asks.wait()
        try:
            to_reader, to_writer = await asyncio.open_connection(*self.peer)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_writer}
        self.writers |= both
        pumps = [
            asyncio.create_task(self._pump(reader, to_writer, self.asks)),
            asyncio.create_task(self._pump(to_reader, writer, self.answers)),
        ]
        # One direction's end is the connection's: neither Redis nor CQL uses half of one.
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        for side in both:
            side.transport.abort()
        self.writers -= both

    async def _pump(self, reader, writer, passable):
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK_BYTES):
                await passable.wait()
                writer.write(data)
                await writer.drain()
            await passable.wait()


class Wires:
    """All wires, on a thread of their own."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()

    def _do(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def add(self, listen, peer):
        wire = Wire(listen, peer)
        self._do(wire.open())
        return wire

    def cut(self, wires):
        for wire in wires:
            self._do(wire.cut())

    def deafen(self, wires):
        for wire in wires:
            self._do(wire.deafen())

    def heal(self, wires):
        for wire in wires:
            self._do(wire.heal())
