"""A Redis server that keeps nothing: what it forgets when it dies is part of the test."""

import socket

from process import Process, program

READY_WITHIN_S = 20


def missing():
    """What is not on this machine, in words; `None` if all is."""
    return None if program("redis-server") else "redis-server is missing"


class Redis(Process):
    """One Redis server."""

    def __init__(self, port, folder):
        command = [
            program("redis-server"),
            *("--bind", "127.0.0.1", "--port", str(port)),
            *("--save", "", "--appendonly", "no", "--dir", str(folder)),
        ]
        super().__init__("redis", command, folder / "redis.log")
        self.port = port

    def start(self):
        self.spawn()
        self.wait_until(lambda: self._says("PING") == b"+PONG", READY_WITHIN_S)

    def flush(self):
        """It forgets everything, and nobody's connection ends."""
        answer = self._says("FLUSHALL")
        if answer != b"+OK":
            raise RuntimeError(f"FLUSHALL: {answer}")

    def _says(self, command):
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(command.encode() + b"\r\n")
                return connection.recv(64).split(b"\r\n")[0]
        except OSError:
            return None
