"""As much of the protocol as it takes to act for one person: commands over HTTP, and a socket."""

import base64
import email.utils
import json
import os
import socket
import struct
import time
import urllib.error
import urllib.request

REPLY_WITHIN_S = 30
# A server that is busy says so, and is asked again for as long as this.
BUSY_S = 60
TEXT_FRAME = 0x81


class Refused(Exception):
    """The server answered with an error."""


class Busy(Refused):
    """One that may be gone a moment later."""


def ask(address, path, body=None, token=None):
    """The answer of a request, and what time it was for the machine that gave it."""
    deadline = time.monotonic() + BUSY_S
    while True:
        try:
            return _ask(address, path, body, token)
        except Busy:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def _ask(address, path, body, token):
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://{address}{path}", data, headers)
    try:
        with urllib.request.urlopen(request, timeout=REPLY_WITHIN_S) as answer:
            text, date = answer.read(), answer.headers["Date"]
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")
        kind = Busy if error.code == 503 else Refused
        raise kind(f"{address}{path}: {error.code} {said}") from None
    body = json.loads(text) if text.startswith(b"{") else text.decode()
    return body, email.utils.parsedate_to_datetime(date).timestamp()


def command(address, token, method, **params):
    """The result of a command."""
    body = {"id": 1, "method": method, "params": params}
    return ask(address, "/v1/commands", body, token)[0]["result"]


class Socket:
    """A session of one person, which says nothing any more once it is open."""

    def __init__(self, address, token, device):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=REPLY_WITHIN_S)
        key = base64.b64encode(os.urandom(16)).decode()
        head = [
            "GET /v1/socket HTTP/1.1",
            f"Host: {address}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Protocol: sanctuary.v1.json",
        ]
        self.socket.sendall("\r\n".join([*head, "", ""]).encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += self._read(1)
        if b" 101 " not in answer.split(b"\r\n")[0]:
            raise Refused(answer.decode(errors="replace"))
        self._send({"id": 1, "method": "session.open", "params": {"token": token, "device_id": device}})
        while (frame := self._receive()).get("id") != 1:
            pass
        if "error" in frame:
            raise Refused(str(frame["error"]))

    def drop(self):
        """As a train into a tunnel: no goodbye, and the other end learns of it at once."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _send(self, frame):
        data, mask = json.dumps(frame).encode(), os.urandom(4)
        head = struct.pack(">BBH", TEXT_FRAME, 0x80 | 126, len(data)) + mask
        self.socket.sendall(head + bytes(b ^ mask[n % 4] for n, b in enumerate(data)))

    def _receive(self):
        """The next frame; of several in one, the first."""
        kind, size = self._read(2)
        if size == 126:
            (size,) = struct.unpack(">H", self._read(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", self._read(8))
        data = self._read(size)
        if kind != TEXT_FRAME:
            return {}
        frame = json.loads(data)
        return frame[0] if isinstance(frame, list) else frame

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Refused("the server closed the connection")
            data += part
        return data
