/**
 * Many people behind one pipe, in MessagePack over `ws`: each line of the input says what one of
 * them does, each line of the output what one of them hears. Who they are and what they want is
 * the other side's; here is only what another implementation of the protocol is worth testing
 * for: the upgrade, the frames, and ids of 16 bytes.
 *
 * In:  {"who", "do": "connect", "url"} · {"who", "do": "send", "frame"} · {"who", "do": "cut"}
 *      · {"who", "do": "close"}
 * Out: {"who", "connected": true} · {"who", "frame"} · {"who", "closed": code}
 */

import { createInterface } from 'node:readline';
import { decode, encode } from '@msgpack/msgpack';
import WebSocket from 'ws';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const sockets = new Map();

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Text that is an id becomes its 16 bytes. */
function packed(value) {
  if (typeof value === 'string' && UUID.test(value)) {
    return Uint8Array.from(Buffer.from(value.replaceAll('-', ''), 'hex'));
  }
  if (Array.isArray(value)) return value.map(packed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, packed(inner)]));
}

/** And back. */
function unpacked(value) {
  if (value instanceof Uint8Array) {
    if (value.length !== 16) throw new Error(`an id is 16 bytes, not ${value.length}`);
    const hex = Buffer.from(value).toString('hex');
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  }
  if (Array.isArray(value)) return value.map(unpacked);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, unpacked(inner)]));
}

function connect(who, url) {
  const socket = new WebSocket(url, ['sanctuary.v1.msgpack'], { handshakeTimeout: 10_000 });
  sockets.set(who, socket);
  const current = () => sockets.get(who) === socket;
  socket.on('open', () => current() && say({ who, connected: true }));
  socket.on('message', (data, isBinary) => {
    if (!current()) return;
    if (!isBinary) throw new Error('MessagePack comes in binary frames');
    for (const frame of [decode(data)].flat()) say({ who, frame: unpacked(frame) });
  });
  socket.on('error', () => {});
  socket.on('close', (code) => current() && say({ who, closed: code }));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { who, do: what, url, frame } = JSON.parse(line);
  const socket = sockets.get(who);
  if (what === 'connect') connect(who, url);
  if (what === 'send' && socket?.readyState === WebSocket.OPEN) socket.send(encode(packed(frame)));
  if (what === 'cut') {
    sockets.delete(who);
    socket?.terminate();
  }
  if (what === 'close') socket?.close(1000);
}
process.exit(0);
