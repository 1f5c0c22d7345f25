/**
 * One side of a conversation, in MessagePack: talk.mjs BASE_URL MY_USERNAME PEER_USERNAME
 *
 * The same talk as talk.py, in the other encoding and with another library: ids are 16 bytes
 * here, topics are text. It is cut off later than its peer. Ends with 0 or 1.
 */

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { decode, encode } from '@msgpack/msgpack';
import WebSocket from 'ws';

const MESSAGES = 50;
const CUT_AT = 35;
const PAUSE_MS = 30;
const WAIT_MS = 30_000;
const MISSED_MIN = 5;

const bytes = (id) => Uint8Array.from(Buffer.from(id.replaceAll('-', ''), 'hex'));

function text(id) {
  assert.ok(id instanceof Uint8Array && id.length === 16, `an id is 16 bytes, not ${id}`);
  const hex = Buffer.from(id).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** An error of the server's. */
class Refused extends Error {
  constructor({ code, message, retryable, retry_after_ms = 200 }) {
    super(`${code}: ${message}`);
    this.code = code;
    this.pauseMs = retryable ? retry_after_ms : null;
  }
}

/** Accounts speak JSON, whatever the socket speaks. */
async function post(url, body) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  assert.ok(answer.ok, `POST ${url}: ${answer.status} ${answer.ok || (await answer.text())}`);
  return answer.json();
}

/** What was pushed of one topic, checked as it arrives. */
class Topic {
  events = [];
  gap = null;

  constructor(name) {
    this.name = name;
  }

  get cursor() {
    return this.events.at(-1)?.seq;
  }

  push(event) {
    const last = this.cursor;
    if (last !== undefined) {
      assert.ok(event.seq > last, `${this.name}: ${event.seq} came after ${last}`);
      const gap = JSON.stringify(this.gap);
      assert.equal(event.seq, last + 1, `${this.name}: ${event.seq} after ${last}, gap ${gap}`);
    }
    this.events.push(event);
  }
}

/** One person, over as many connections as it takes. */
class Session {
  #url;
  #token;
  #deviceId = `talk.mjs ${randomUUID()}`;
  #attempt = 0;
  #nextId = 1;
  #open = new Map();
  #waiting = new Set();
  #failure = null;
  #socket;
  #topics = new Map();

  constructor(base, token) {
    this.#url = `${base.replace(/^http/, 'ws')}/v1/socket`;
    this.#token = token;
  }

  /** Connects and resumes where the last connection stood. */
  async open() {
    this.#attempt += 1;
    const socket = new WebSocket(this.#url, ['sanctuary.v1.msgpack']);
    this.#socket = socket;
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    assert.equal(socket.protocol, 'sanctuary.v1.msgpack');
    socket.on('message', (data, isBinary) => this.#read(socket, data, isBinary));
    socket.on('error', () => {});
    const cursors = [...this.#topics.values()]
      .filter(({ cursor }) => cursor !== undefined)
      .map(({ name, cursor }) => ({ topic: name, seq: cursor }));
    const opened = await this.call('session.open', {
      token: this.#token,
      device_id: this.#deviceId,
      attempt: this.#attempt,
      client: 'talk.mjs',
      cursors,
    });
    assert.deepEqual(opened.behind, [], 'so few events are replayed whole');
    return opened;
  }

  /** The connection breaks: no close frame. */
  cut() {
    this.#socket.terminate();
    this.#socket = null;
    this.#open.clear();
  }

  async close() {
    await this.call('session.close', {});
    this.#socket.close(1000);
  }

  topic(name) {
    if (!this.#topics.has(name)) this.#topics.set(name, new Topic(name));
    return this.#topics.get(name);
  }

  /** Sends a command; gives the promise of its result. */
  begin(method, params) {
    const id = this.#nextId++;
    const reply = new Promise((resolve, reject) => this.#open.set(id, { resolve, reject }));
    this.#socket.send(encode({ id, method, params }));
    return reply;
  }

  async call(method, params) {
    for (;;) {
      if (this.#failure) throw this.#failure;
      try {
        return await within(this.begin(method, params), `a reply to ${method}`);
      } catch (error) {
        if (!(error instanceof Refused) || error.pauseMs === null) throw error;
        await pause(error.pauseMs);
      }
    }
  }

  async until(happened, what) {
    if (!happened()) {
      await within(
        new Promise((resolve, reject) => this.#waiting.add({ happened, resolve, reject })),
        what,
      );
    }
    if (this.#failure) throw this.#failure;
  }

  /** The whole log of a topic. */
  async history(topic) {
    const events = [];
    let head = 1;
    while (events.length < head) {
      const after = events.at(-1)?.seq ?? 0;
      const page = await this.call('topic.read', { topic, after, limit: 100 });
      head = page.head;
      events.push(...page.events);
      assert.ok(page.events.length > 0 || events.length === head, 'an empty page before the head');
    }
    const seqs = events.map(({ seq }) => seq);
    assert.deepEqual(
      seqs,
      Array.from({ length: head }, (_, n) => n + 1),
      'gaps in the log',
    );
    return events;
  }

  #read(socket, data, isBinary) {
    if (socket !== this.#socket) return;
    try {
      assert.ok(isBinary, 'MessagePack comes in binary frames');
      for (const frame of [decode(data)].flat()) this.#take(frame);
    } catch (failure) {
      this.#failure = failure;
      for (const { reject } of [...this.#open.values(), ...this.#waiting]) reject(failure);
    }
    for (const waiting of this.#waiting) {
      if (!waiting.happened()) continue;
      this.#waiting.delete(waiting);
      waiting.resolve();
    }
  }

  #take(frame) {
    if (frame.event === undefined) {
      const reply = this.#open.get(frame.id);
      assert.ok(reply, `a reply that nobody waits for: ${JSON.stringify(frame)}`);
      this.#open.delete(frame.id);
      if (frame.error) reply.reject(new Refused(frame.error));
      else reply.resolve(frame.result);
    } else if (frame.seq != null) this.topic(frame.topic).push(frame);
    else if (frame.event === 'gap') this.topic(frame.data.topic).gap = frame.data;
  }
}

async function within(promise, what) {
  const stop = new AbortController();
  const late = pause(WAIT_MS, undefined, { signal: stop.signal }).then(
    () => assert.fail(`did not happen in ${WAIT_MS} ms: ${what}`),
    () => {},
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop.abort();
  }
}

/** The peer, as soon as it has its account. */
async function find(session, username) {
  for (let tries = 0; tries < WAIT_MS / 100; tries += 1) {
    try {
      return (await session.call('profile.get', { username })).profile;
    } catch (error) {
      if (error.code !== 'not_found') throw error;
      await pause(100);
    }
  }
  return assert.fail(`${username} did not come`);
}

function texts(events, sender) {
  return events
    .filter(({ event, data }) => event === 'message.created' && text(data.sender_id) === sender)
    .map(({ data }) => data.text);
}

class Talk {
  #base;
  #token;
  #session;
  #me;
  #peer;
  #id;
  #sent = new Map();

  constructor(base, token, session, me, peer, id) {
    this.#base = base;
    this.#token = token;
    this.#session = session;
    this.#me = me;
    this.#peer = peer;
    this.#id = id;
    this.topic = `conversation:${id}`;
  }

  #message(words) {
    return { conversation_id: bytes(this.#id), client_id: bytes(randomUUID()), text: words };
  }

  async send(words, message = this.#message(words)) {
    const sent = await this.#session.call('conversation.send', message);
    const key = text(message.client_id);
    const first = this.#sent.get(key) ?? { seq: sent.seq, id: text(sent.message_id), words };
    this.#sent.set(key, first);
    assert.deepEqual([sent.seq, text(sent.message_id)], [first.seq, first.id]);
    return sent;
  }

  /** Starts only when both are there, so that each is cut off while the other writes. */
  async greet() {
    await this.send('hello');
    for (let tries = 0; tries < WAIT_MS / 100; tries += 1) {
      if (texts(await this.#session.history(this.topic), this.#peer).length > 0) return;
      await pause(100);
    }
    assert.fail('the peer said nothing');
  }

  /** Over HTTP, in the same encoding, since there is no socket now. */
  async #head() {
    const params = { conversation_id: bytes(this.#id) };
    const answer = await fetch(`${this.#base}/v1/commands`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/msgpack', Authorization: `Bearer ${this.#token}` },
      body: encode({ id: 1, method: 'conversation.get', params }),
    });
    assert.equal(answer.status, 200);
    return decode(await answer.arrayBuffer()).result.conversation.head_seq;
  }

  /** Loses the connection with a message on its way, and comes back later. */
  async beCutOff(words) {
    const message = this.#message(words);
    this.#session.begin('conversation.send', message);
    this.#session.cut();
    const { cursor } = this.#session.topic(this.topic);
    const end = Date.now() + WAIT_MS;
    while ((await this.#head()) < cursor + MISSED_MIN) {
      assert.ok(Date.now() < end, 'the peer did not go on');
      await pause(50);
    }
    const opened = await this.#session.open();
    const { head } = opened.heads.find(({ topic }) => topic === this.topic);
    assert.ok(head >= cursor + MISSED_MIN, `head ${head}, cursor ${cursor}`);
    const first = await this.send(words, message);
    const again = await this.send(words, message);
    assert.equal(again.duplicate, true);
    const topic = this.#session.topic(this.topic);
    await this.#session.until(() => topic.cursor >= head, 'the replay');
    const arrived = first.duplicate ? 'had arrived' : 'had been lost';
    console.log(`cut off at ${cursor}, resumed at ${head}; the message on its way ${arrived}`);
  }

  /** Holds what was pushed against the log, and the log against what was written. */
  async check() {
    const log = await this.#session.history(this.topic);
    const pushed = this.#session.topic(this.topic).events;
    assert.deepEqual(log.slice(pushed[0].seq - 1), pushed, 'the log differs from what was pushed');
    const messages = log.filter(({ event }) => event === 'message.created');
    const numbers = messages.map(({ data }) => data.number);
    assert.deepEqual(
      numbers,
      messages.map((_, n) => n + 1),
      'the numbers have gaps',
    );
    const places = new Map(messages.map(({ seq, data }) => [text(data.client_id), seq]));
    assert.equal(places.size, messages.length, 'a client_id stands twice');
    for (const [key, { seq, words }] of this.#sent) {
      assert.equal(places.get(key), seq, `${words}: not where it was acknowledged`);
    }
    const expected = ['hello', ...Array.from({ length: MESSAGES }, (_, n) => `${n + 1}`)];
    assert.deepEqual(texts(log, this.#me), expected, 'mine');
    assert.deepEqual(texts(log, this.#peer), expected, "the peer's");
    const counts = `${log.length} events in the log, ${pushed.length} pushed`;
    console.log(`${counts}: the same, in order, once each`);
  }
}

async function main(base, username, peerName) {
  const login = { email: `${username}@example.org`, password: `quiet river ${username}` };
  await post(`${base}/v1/auth/register`, { ...login, name: username, username });
  const { access_token: token, user } = await post(`${base}/v1/auth/login`, login);

  const session = new Session(base, token);
  const opened = await session.open();
  assert.equal(text(opened.user.id), user.id);
  console.log(`${username} is here`);
  const peer = text((await find(session, peerName)).id);
  const { conversation } = await session.call('conversation.open', { user_id: bytes(peer) });
  const members = conversation.members.map(({ id }) => text(id));
  assert.deepEqual(members.sort(), [user.id, peer].sort());

  const talk = new Talk(base, token, session, user.id, peer, text(conversation.id));
  await talk.greet();
  for (let n = 1; n <= MESSAGES; n += 1) {
    if (n === CUT_AT) await talk.beCutOff(`${n}`);
    else await talk.send(`${n}`);
    await pause(PAUSE_MS);
  }
  const { events } = session.topic(talk.topic);
  const done = (who) => texts(events, who).includes(`${MESSAGES}`);
  await session.until(() => done(user.id) && done(peer), 'the last message of both');
  await talk.check();
  await session.close();
}

const [base, username, peerName] = process.argv.slice(2);
if (!peerName) {
  console.error('talk.mjs BASE_URL MY_USERNAME PEER_USERNAME');
  process.exit(1);
}
main(base, username, peerName).catch((failure) => {
  const ours = failure instanceof assert.AssertionError || failure instanceof Refused;
  console.error(`FAILED: ${ours ? failure.message : failure.stack}`);
  process.exit(1);
});
