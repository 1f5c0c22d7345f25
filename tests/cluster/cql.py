"""As much of the CQL protocol (version 4) as it takes to ask a node whether it serves."""

import socket
import struct

OPTIONS, STARTUP, QUERY = 0x05, 0x01, 0x07
ERROR, READY, SUPPORTED = 0x00, 0x02, 0x06
CONSISTENCY_ONE, CONSISTENCY_ALL = 0x0001, 0x0005
REPLY_WITHIN_S = 20


class Refused(Exception):
    """The node answered with an error."""


def _string(text):
    data = text.encode()
    return struct.pack(">H", len(data)) + data


class Connection:
    """One connection, one question at a time."""

    def __init__(self, address, port):
        self.socket = socket.create_connection((address, port), timeout=REPLY_WITHIN_S)
        body = struct.pack(">H", 1) + _string("CQL_VERSION") + _string("3.0.0")
        if self._ask(STARTUP, body)[0] != READY:
            raise Refused("the node wants a login")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def query(self, text, consistency=CONSISTENCY_ONE):
        """Runs a statement; its rows are not read."""
        data = text.encode()
        self._ask(QUERY, struct.pack(">i", len(data)) + data + struct.pack(">HB", consistency, 0))

    def _ask(self, opcode, body):
        self.socket.sendall(struct.pack(">BBhBi", 0x04, 0, 0, opcode, len(body)) + body)
        _, _, _, answer, length = struct.unpack(">BBhBi", self._read(9))
        body = self._read(length)
        if answer == ERROR:
            size = struct.unpack(">H", body[4:6])[0]
            raise Refused(body[6 : 6 + size].decode(errors="replace"))
        return answer, body

    def _read(self, length):
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError("the node closed the connection")
            data += part
        return data


def serves(address, port):
    """Whether a node takes connections and statements."""
    try:
        with Connection(address, port) as connection:
            connection.query("SELECT key FROM system.local")
        return True
    except (OSError, Refused):
        return False
