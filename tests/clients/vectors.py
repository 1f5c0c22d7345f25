#!/usr/bin/env python3
"""Reads the golden frames of protocol/vectors with a MessagePack decoder that is not ours.

    pip install msgpack && python3 tests/clients/vectors.py

Each frame in MessagePack must say what its JSON says: ids are 16 bytes there and UUID text
here, bytes are base64 here, topics and all of an error's `detail` are the same in both. The
order of keys is the same too, outside of `detail`, and each value has its shortest form. Ends with 1 otherwise.
"""

import base64
import json
import pathlib
import re
import sys
import uuid

import msgpack

VECTORS = pathlib.Path(__file__).resolve().parents[2] / "protocol" / "vectors"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

DETAIL = ".error.detail"


def unique(pairs):
    """A dict, unless a key comes twice."""
    keys = [key for key, _ in pairs]
    if len(keys) != len(set(keys)):
        raise ValueError(f"a key comes twice: {keys}")
    return dict(pairs)


def differences(path, text, packed):
    """Where a JSON value and a MessagePack value differ, as lines."""
    if type(text) is dict and type(packed) is dict:
        free = DETAIL in path
        if sorted(text) != sorted(packed) or not free and list(text) != list(packed):
            yield f"{path}: keys {list(text)} and {list(packed)}"
            return
        for key in text:
            yield from differences(f"{path}.{key}", text[key], packed[key])
    elif type(text) is list and type(packed) is list:
        if len(text) != len(packed):
            yield f"{path}: {len(text)} and {len(packed)} items"
            return
        for at, (one, other) in enumerate(zip(text, packed)):
            yield from differences(f"{path}[{at}]", one, other)
    elif type(text) is str and type(packed) is bytes:
        if UUID.fullmatch(text):
            same = packed == uuid.UUID(text).bytes
        else:
            same = packed == base64.b64decode(text, validate=True)
        if not same:
            yield f"{path}: {text} and the bytes {packed.hex()}"
    elif type(text) is not type(packed) or text != packed:
        yield f"{path}: {text!r} and {packed!r}"
    elif type(text) is str and UUID.fullmatch(text) and DETAIL not in path:
        yield f"{path}: an id, and not as bytes"


def check(vector):
    """What is wrong with one vector, as lines."""
    try:
        packed = bytes.fromhex(vector["msgpack"])
        frame = msgpack.unpackb(packed, object_pairs_hook=unique)
    except ValueError as error:
        yield str(error)
        return
    yield from differences("", vector["json"], frame)
    if msgpack.packb(frame) != packed:
        yield "not the shortest form"


def main():
    count = wrong = 0
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=unique):
            count += 1
            for line in check(vector):
                wrong += 1
                print(f"{path.name}: {vector['kind']} {vector['name']}: {line}")
    print(f"{count} vectors, {wrong} differences")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
