/** A server that a test plays by hand: fake sockets, and a clock that moves when it is told. */

import { Sanctuary } from '../sanctuary.js';

export const ME = '00000000-0000-4000-8000-000000000001';
export const FRIEND = '00000000-0000-4000-8000-000000000002';
export const TALK = '00000000-0000-4000-8000-00000000000c';
export const FEED = `user:${ME}`;
export const TOPIC = `conversation:${TALK}`;

export class FakeClock {
  #at = 1_000_000;
  #timers = new Map();
  #next = 1;
  chance = 0.5;

  now = () => this.#at;
  random = () => this.chance;

  setTimeout = (callback, ms) => {
    this.#timers.set(this.#next, { at: this.#at + ms, callback });
    return this.#next++;
  };

  clearTimeout = (timer) => this.#timers.delete(timer);

  /** Milliseconds from now at which timers are due, soonest first. */
  due() {
    return [...this.#timers.values()].map(({ at }) => at - this.#at).sort((a, b) => a - b);
  }

  async advance(ms) {
    const end = this.#at + ms;
    for (;;) {
      const next = [...this.#timers].sort(([, a], [, b]) => a.at - b.at)[0];
      if (!next || next[1].at > end) break;
      this.#timers.delete(next[0]);
      this.#at = next[1].at;
      next[1].callback();
      await settle();
    }
    this.#at = end;
    await settle();
  }
}

/** Lets promises that are ready run. */
export async function settle() {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

class FakeSocket {
  sent = [];
  closed = null;

  constructor(url, protocols) {
    this.url = url;
    this.protocols = protocols;
    FakeSocket.all.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  close(code) {
    this.closed = code;
  }
}

export function start(options = {}) {
  const sockets = [];
  FakeSocket.all = sockets;
  const clock = new FakeClock();
  const tokens = [];
  const client = new Sanctuary({
    url: 'ws://test/v1/socket',
    deviceId: 'test',
    token: async (ask) => {
      tokens.push(ask.fresh);
      return `token-${tokens.length}`;
    },
    WebSocket: FakeSocket,
    clock,
    ...options,
  });
  const seen = [];
  client.on('event', ({ topic, seq, data }) => seen.push({ topic, seq, data }));
  return { client, clock, sockets, tokens, seen, server: new Server(sockets) };
}

class Server {
  #sockets;

  constructor(sockets) {
    this.#sockets = sockets;
  }

  get socket() {
    return this.#sockets.at(-1);
  }

  /** Accepts the newest socket and opens the session on it. Gives the params it asked with. */
  async open({ heads = [], behind = [], events = [] } = {}) {
    await settle();
    this.socket.onopen();
    const { id, params } = this.take('session.open');
    const result = {
      session_id: ME,
      user: { id: ME, name: 'Me', roles: ['member'] },
      server_at: 0,
      ping_interval_ms: 25_000,
      limits: { open_commands_max: 32 },
      token_expires_at: 0,
      heads: [{ topic: FEED, head: 0 }, ...heads],
      behind,
    };
    this.give([{ id, result }, ...events]);
    await settle();
    return params;
  }

  give(frames) {
    this.socket.onmessage({ data: JSON.stringify(frames) });
  }

  /** The oldest command of that name which was not taken yet. */
  take(method) {
    const at = this.socket.sent.findIndex((command) => command.method === method);
    if (at < 0) {
      const methods = this.socket.sent.map((command) => command.method).join(', ');
      throw new Error(`no ${method} was sent; there is: ${methods || 'nothing'}`);
    }
    return this.socket.sent.splice(at, 1)[0];
  }

  has(method) {
    return this.socket.sent.some((command) => command.method === method);
  }

  async answer(method, result) {
    const command = this.take(method);
    this.give({ id: command.id, result });
    await settle();
    return command.params;
  }

  async refuse(method, error) {
    const command = this.take(method);
    this.give({ id: command.id, error: { message: '', retryable: false, ...error } });
    await settle();
    return command.params;
  }

  async push(...frames) {
    this.give(frames);
    await settle();
  }

  async drop(code = 1006) {
    this.socket.onclose({ code });
    await settle();
  }
}

/** The event at `seq` of the one conversation that tests talk in. */
export function event(seq, data = {}, topic = TOPIC) {
  const message = { message_id: `m${seq}`, sender_id: FRIEND, client_id: `c${seq}`, ...data };
  return { topic, seq, at: seq, event: 'message.created', data: message };
}

export const span = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
