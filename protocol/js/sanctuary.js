/**
 * A client of the Sanctuary protocol, version 1, in one file without dependencies.
 *
 * It owns one connection at a time and what must outlive it: cursors, subscriptions, watched
 * people and messages that were not acknowledged yet. It promises that every event of a topic
 * arrives once and in order, however often the connection breaks, and that a message given to
 * `send` is sent until the server said that it is kept. It knows nothing of pages or accounts:
 * tokens come from a function of the caller's.
 */

const SUBPROTOCOL = 'sanctuary.v1.json';
const BACKOFF_FIRST_MS = 500;
const BACKOFF_MAX_MS = 20_000;
const QUIET_MS = 30_000;
const OPEN_TIMEOUT_MS = 15_000;
const PONG_TIMEOUT_MS = 10_000;
/** After a refused `session.open`, for the close code that says more. */
const CLOSE_WAIT_MS = 2_000;
const OPEN_COMMANDS_MAX = 32;
const MESSAGE_BYTES_MAX = 64 * 1024;
const CURSORS_MAX = 1_000;
const PAGE_ITEMS_MAX = 100;
const RETRIES_MAX = 6;
const COMMAND_IDS = 0xffff_ffff;
const WATCHED_USERS_MAX = 200;

/** Close codes that a program may want to tell apart. */
export const Close = Object.freeze({
  TOKEN_EXPIRED: 4005,
  BAD_TOKEN: 4500,
  VIOLATED: 4501,
  REVOKED: 4502,
  REPLACED: 4503,
  SUSPENDED: 4505,
});

/** Codes of WebSocket itself that say this client sent what it must not: it would again. */
const REFUSED = [1002, 1003, 1007, 1009];

const isFinal = (code) => REFUSED.includes(code) || (code >= 4500 && code < 5000);

/** What a command ends with when it does not end well. */
export class SanctuaryError extends Error {
  constructor({ code, message = code, retryable = false, retry_after_ms, detail }) {
    super(message);
    this.name = 'SanctuaryError';
    this.code = code;
    this.retryable = retryable;
    this.retry_after_ms = retry_after_ms;
    this.detail = detail;
  }
}

/** Before the reconnect number `n`, counted from 0: anything up to 0.5 s · 2^n, at most 20 s. */
export function backoffMs(n, random = Math.random) {
  return random() * Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(n, 16));
}

/** A random UUID. `crypto.randomUUID` is missing on plain-http pages. */
export function uuid() {
  if (globalThis.crypto.randomUUID) return globalThis.crypto.randomUUID();
  const bytes = globalThis.crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

const disconnected = () =>
  new SanctuaryError({ code: 'disconnected', message: 'the connection broke', retryable: true });

const ended = () => new SanctuaryError({ code: 'ended', message: 'the session is over' });

const systemClock = {
  now: () => Date.now(),
  random: () => Math.random(),
  setTimeout: (callback, ms) => setTimeout(callback, ms),
  clearTimeout: (timer) => clearTimeout(timer),
};

/** An error in a listener is shown, and does not stop the delivery to others. */
function guarded(listener, value) {
  try {
    listener(value);
  } catch (error) {
    if (globalThis.reportError) globalThis.reportError(error);
    else
      queueMicrotask(() => {
        throw error;
      });
  }
}

/** Commands: ids, replies, and at most so many open at once; the rest waits its turn. */
class Commands {
  #clock;
  #write = null;
  #ready = false;
  #max = OPEN_COMMANDS_MAX;
  #nextId = 1;
  #open = new Map();
  #waiting = [];

  constructor(clock) {
    this.#clock = clock;
  }

  /** `retry`: ask again after a lost connection or a retryable error. `now`: before the session. */
  call(method, params, { retry = false, now = false } = {}) {
    return new Promise((resolve, reject) => {
      const command = { method, params, retry, resolve, reject, tries: 0 };
      if (now) this.#start(command);
      else {
        this.#waiting.push(command);
        this.#flush();
      }
    });
  }

  attach(write) {
    this.#write = write;
  }

  ready(max = OPEN_COMMANDS_MAX) {
    this.#max = max;
    this.#ready = true;
    this.#flush();
  }

  reply({ id, result, error }) {
    const command = this.#open.get(id);
    if (!command) return;
    this.#open.delete(id);
    if (!error) command.resolve(result);
    else if (error.retryable && command.retry && ++command.tries <= RETRIES_MAX) {
      this.#later(command, error.retry_after_ms ?? backoffMs(command.tries, this.#clock.random));
    } else command.reject(new SanctuaryError(error));
    this.#flush();
  }

  /** The connection is gone. What came of the open commands is not known. */
  lost() {
    this.#write = null;
    this.#ready = false;
    const open = [...this.#open.values()];
    this.#open.clear();
    this.#waiting.unshift(...open.filter((command) => command.retry));
    for (const command of open) if (!command.retry) command.reject(disconnected());
  }

  end() {
    this.lost();
    for (const command of this.#waiting.splice(0)) command.reject(ended());
  }

  #later(command, ms) {
    this.#clock.setTimeout(() => {
      this.#waiting.push(command);
      this.#flush();
    }, ms);
  }

  #flush() {
    while (this.#ready && this.#waiting.length > 0 && this.#open.size < this.#max) {
      this.#start(this.#waiting.shift());
    }
  }

  #start(command) {
    const id = this.#freeId();
    const text = JSON.stringify({ id, method: command.method, params: command.params });
    // A larger message would close the connection, and again after each reconnect.
    if (new TextEncoder().encode(text).length > MESSAGE_BYTES_MAX) {
      command.reject(new SanctuaryError({ code: 'too_large', message: 'larger than 64 KiB' }));
      return;
    }
    this.#open.set(id, command);
    this.#write(text);
  }

  #freeId() {
    do {
      this.#nextId = (this.#nextId % COMMAND_IDS) + 1;
    } while (this.#open.has(this.#nextId));
    return this.#nextId;
  }
}

/**
 * The place in each topic. An event that is not the next one is not kept: the events up to it
 * are read from the log instead, so that nothing has to be held in memory.
 */
class Topics {
  #read;
  #deliver;
  #topics = new Map();

  constructor(read, deliver) {
    this.#read = read;
    this.#deliver = deliver;
  }

  get(topic) {
    return this.#topics.get(topic);
  }

  /** Everything up to and with `seq` is known. A place that is known already stays. */
  track(topic, seq = null) {
    let place = this.#topics.get(topic);
    if (!place) {
      place = { cursor: seq, wanted: 0, repairAt: null, repairing: false, subscribed: false };
      this.#topics.set(topic, place);
    } else place.cursor ??= seq;
    return place;
  }

  forget(topic) {
    this.#topics.delete(topic);
  }

  clear() {
    this.#topics.clear();
  }

  /** For `session.open`: the topics that are always on, those that moved last if there are many. */
  cursors() {
    return [...this.#topics]
      .filter(([topic, { cursor }]) => cursor !== null && /^(user|conversation):/.test(topic))
      .map(([topic, { cursor }]) => ({ topic, seq: cursor }))
      .slice(-CURSORS_MAX);
  }

  subscribed() {
    return [...this.#topics].filter(([, { subscribed }]) => subscribed);
  }

  /** An event as it was pushed. */
  push(event) {
    const place = this.track(event.topic, event.seq - 1);
    if (event.seq > place.cursor + 1) this.want(event.topic, event.seq);
    else this.#accept(place, event);
  }

  /** There are events up to `seq`. `from`: the first that will not be pushed. */
  want(topic, seq, from = 0) {
    const place = this.track(topic, Math.max(0, from - 1));
    place.wanted = Math.max(place.wanted, seq);
    if (place.cursor + 1 >= from) this.#repair(topic, place);
    else place.repairAt = from;
  }

  #accept(place, event) {
    if (event.seq <= place.cursor) return;
    place.cursor = event.seq;
    // Moves the topic to the end, where `cursors` takes the most recent from.
    if (this.#topics.get(event.topic) === place) {
      this.#topics.delete(event.topic);
      this.#topics.set(event.topic, place);
    }
    this.#deliver(event);
    if (place.repairAt !== null && place.cursor + 1 >= place.repairAt) {
      this.#repair(event.topic, place);
    }
  }

  async #repair(topic, place) {
    place.repairAt = null;
    if (place.repairing) return;
    place.repairing = true;
    try {
      while (place.cursor < place.wanted && this.#topics.get(topic) === place) {
        const page = await this.#read(topic, place.cursor, PAGE_ITEMS_MAX);
        // What the log gives is all there is to see, also where it jumps.
        for (const event of page.events) this.#accept(place, event);
        place.wanted = page.events.length === 0 ? place.cursor : Math.max(place.wanted, page.head);
      }
    } catch {
      // Not ours to read any more, or over: the next push or session finds out again.
      place.wanted = place.cursor;
    } finally {
      place.repairing = false;
    }
  }
}

/** Messages that the server has not acknowledged, in order for each conversation. */
class Outbox {
  #store;
  #clock;
  #call;
  #changed;
  #entries = new Map();
  #results = new Map();
  #busy = new Set();
  #online = false;

  constructor(store, clock, call, changed) {
    this.#store = store;
    this.#clock = clock;
    this.#call = call;
    this.#changed = changed;
    const kept = [...(store?.all() ?? [])].sort((a, b) => a.created_at - b.created_at);
    for (const entry of kept) this.#entries.set(entry.client_id, entry);
  }

  add(message) {
    const entry = {
      ...message,
      client_id: message.client_id ?? uuid(),
      created_at: this.#clock.now(),
      state: 'sending',
    };
    const sent = new Promise((resolve, reject) => {
      this.#results.set(entry.client_id, { resolve, reject });
    });
    // Whoever shows the entry's state need not wait for this as well.
    sent.catch(() => {});
    this.#keep(entry);
    this.#pump(entry.conversation_id);
    return { client_id: entry.client_id, sent };
  }

  list(conversation_id) {
    return [...this.#entries.values()].filter(
      (entry) => conversation_id === undefined || entry.conversation_id === conversation_id,
    );
  }

  retry(client_id) {
    const entry = this.#entries.get(client_id);
    if (entry?.state !== 'failed') return;
    const { error: _, ...rest } = entry;
    this.#keep({ ...rest, state: 'sending' });
    this.#pump(entry.conversation_id);
  }

  discard(client_id) {
    const entry = this.#entries.get(client_id);
    if (entry) this.#drop(entry, 'discarded')?.reject(ended());
  }

  /** The message stands in the log: by the reply, or by its event, whichever came first. */
  acknowledge(client_id, sent) {
    const entry = this.#entries.get(client_id);
    if (entry) this.#drop(entry, 'sent')?.resolve(sent);
  }

  online() {
    this.#online = true;
    const conversations = new Set(this.list().map((entry) => entry.conversation_id));
    for (const id of conversations) this.#pump(id);
  }

  offline() {
    this.#online = false;
  }

  /** One at a time for each conversation: two in flight could be taken in the wrong order. */
  async #pump(conversation_id) {
    if (this.#busy.has(conversation_id)) return;
    this.#busy.add(conversation_id);
    let tries = 0;
    while (this.#online) {
      const entry = this.list(conversation_id).find(({ state }) => state === 'sending');
      if (!entry) break;
      const pause = await this.#attempt(entry, tries);
      tries = pause > 0 ? tries + 1 : 0;
      if (pause > 0) await new Promise((done) => this.#clock.setTimeout(done, pause));
    }
    this.#busy.delete(conversation_id);
  }

  /** Gives how long to wait before the next attempt. */
  async #attempt(entry, tries) {
    const { created_at: _, state: __, error: ___, ...params } = entry;
    try {
      this.acknowledge(entry.client_id, await this.#call('conversation.send', params));
    } catch (error) {
      // Sent again by `online`; the server knows the client_id if it had come through.
      if (error.code === 'disconnected' || error.code === 'ended') return 0;
      const ofTheSession = error.code === 'token_expired' || error.code === 'unauthenticated';
      if (error.retryable || ofTheSession) {
        return Math.max(1, error.retry_after_ms ?? backoffMs(tries + 1, this.#clock.random));
      }
      if (this.#entries.has(entry.client_id)) this.#fail(entry, error);
    }
    return 0;
  }

  #fail(entry, { code, message, detail }) {
    this.#results.get(entry.client_id)?.reject(new SanctuaryError({ code, message, detail }));
    this.#keep({ ...entry, state: 'failed', error: { code, message, detail } });
  }

  #keep(entry) {
    this.#entries.set(entry.client_id, entry);
    this.#store?.put(entry);
    this.#changed(entry);
  }

  #drop(entry, state) {
    this.#entries.delete(entry.client_id);
    this.#store?.delete(entry.client_id);
    const result = this.#results.get(entry.client_id);
    this.#results.delete(entry.client_id);
    this.#changed({ ...entry, state });
    return result;
  }
}

/** Calls back when nothing was heard for too long: a page can't see the server's pings. */
class Watchdog {
  #clock;
  #timer;
  #heard = false;

  constructor(clock) {
    this.#clock = clock;
  }

  start(intervalMs, ping, dead) {
    this.stop();
    const listen = () => {
      this.#heard = false;
      this.#timer = this.#clock.setTimeout(() => {
        if (this.#heard) return listen();
        ping();
        this.#timer = this.#clock.setTimeout(
          () => (this.#heard ? listen() : dead()),
          PONG_TIMEOUT_MS,
        );
      }, intervalMs);
    };
    listen();
  }

  heard() {
    this.#heard = true;
  }

  stop() {
    this.#clock.clearTimeout(this.#timer);
  }
}

/** A session that outlives its connections. See sanctuary.d.ts for the types. */
export class Sanctuary {
  #options;
  #clock;
  #listeners = new Map();
  #commands;
  #topics;
  #outbox;
  #watchdog;
  #watched = new Set();
  #state = 'idle';
  #socket = null;
  /** Counts the connects; what an older one still does is ignored. */
  #turn = 0;
  #attempt = 0;
  #failures = 0;
  #byeMs = null;
  #freshToken = false;
  #refusal = null;
  #timers = { again: undefined, quiet: undefined, opening: undefined };
  #background = false;

  /** The person, once the first session is open. */
  user = null;

  constructor(options) {
    this.#options = { client: 'sanctuary.js/1', WebSocket: globalThis.WebSocket, ...options };
    this.#clock = options.clock ?? systemClock;
    this.#commands = new Commands(this.#clock);
    this.#topics = new Topics(
      (topic, after, limit) => this.call('topic.read', { topic, after, limit }, { retry: true }),
      (event) => this.#deliver(event),
    );
    this.#outbox = new Outbox(
      options.outbox,
      this.#clock,
      (method, params) => this.call(method, params),
      (entry) => this.#emit('outbox', entry),
    );
    this.#watchdog = new Watchdog(this.#clock);
    for (const { topic, seq } of options.cursors ?? []) this.#topics.track(topic, seq);
  }

  /** `idle`, `connecting`, `open`, `waiting` (for the next attempt), `closed` or `ended`. */
  get state() {
    return this.#state;
  }

  /** Calls back for an event or signal by its name, or `event`, `state`, `open`, `outbox`, `ended`. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  connect() {
    if (this.#state === 'connecting' || this.#state === 'open') return;
    this.#dial();
  }

  /** Connects at once if it is waiting to: the network came back, or the page is looked at. */
  wake() {
    if (this.#state === 'waiting') this.#dial();
  }

  /** Goodbye: presence need not wait. What was not sent stays in the outbox. */
  close() {
    if (this.#state === 'open') {
      this.#socket.send(JSON.stringify({ id: 0, method: 'session.close', params: {} }));
    }
    this.#stop('closed');
  }

  /** A command. See `Commands.call` for `retry`. */
  call(method, params = {}, options) {
    if (this.#state === 'ended' || this.#state === 'closed') return Promise.reject(ended());
    return this.#commands.call(method, params, options);
  }

  /** Sends a message, however long it takes. Gives its `client_id` and a promise of the result. */
  send(message) {
    return this.#outbox.add(message);
  }

  unsent(conversation_id) {
    return this.#outbox.list(conversation_id);
  }

  resend(client_id) {
    this.#outbox.retry(client_id);
  }

  discard(client_id) {
    this.#outbox.discard(client_id);
  }

  /** From now on events of this topic after `seq` are not missed, also across reconnects. */
  track(topic, seq) {
    this.#topics.track(topic, seq);
  }

  /** Where one stands in the topics that are always on; may be given to the next client. */
  cursors() {
    return this.#topics.cursors();
  }

  /** Follows a `group:` or `desk:` topic until `unsubscribe`. */
  async subscribe(topic, after) {
    const place = this.#topics.track(topic, after);
    const params = place.cursor === null ? { topic } : { topic, after: place.cursor };
    try {
      const result = await this.call('topic.subscribe', params, { retry: true });
      place.cursor ??= result.head;
      place.subscribed = true;
      return result;
    } catch (error) {
      this.#topics.forget(topic);
      throw error;
    }
  }

  async unsubscribe(topic) {
    this.#topics.forget(topic);
    if (this.#state === 'open') await this.call('topic.unsubscribe', { topic }).catch(() => {});
  }

  /** Presence of these people from now on, as `presence.changed`. */
  watch(users) {
    const more = users.filter((id) => !this.#watched.has(id));
    const room = Math.max(0, WATCHED_USERS_MAX - this.#watched.size);
    for (const id of more.slice(0, room)) this.#watched.add(id);
    if (this.#state === 'open') this.#watchNow(more.slice(0, room));
  }

  unwatch(users) {
    for (const id of users) this.#watched.delete(id);
    if (this.#state === 'open') this.call('presence.unwatch', { users }).catch(() => {});
  }

  /** In the background only durable pushes come. Kept across reconnects. */
  background(on) {
    if (this.#background === on) return;
    this.#background = on;
    if (this.#state === 'open') this.call('session.background', { on }).catch(() => {});
  }

  async #dial() {
    const turn = ++this.#turn;
    this.#refusal = null;
    this.#clearTimers();
    this.#become('connecting');
    const token = await this.#token(turn);
    if (token === null || turn !== this.#turn) return;
    const socket = new this.#options.WebSocket(this.#options.url, [SUBPROTOCOL]);
    this.#socket = socket;
    const mine = (handle) => (value) => {
      if (turn === this.#turn) handle(value);
    };
    this.#timers.opening = this.#clock.setTimeout(
      mine(() => this.#lost(1006)),
      OPEN_TIMEOUT_MS,
    );
    socket.onopen = mine(() => this.#opened(token, mine));
    socket.onmessage = mine(({ data }) => this.#received(data));
    socket.onclose = mine(({ code }) => this.#lost(code));
    // The close that follows says all there is.
    socket.onerror = () => {};
  }

  /** Null if there is none: then the next step is taken already. */
  async #token(turn) {
    const fresh = this.#freshToken;
    this.#freshToken = false;
    try {
      return await this.#options.token({ fresh });
    } catch (error) {
      if (turn !== this.#turn) return null;
      this.#freshToken ||= fresh;
      if (error?.retryable === false) this.#end({ error });
      else this.#again();
      return null;
    }
  }

  #opened(token, mine) {
    // By the clock, so that it also grows from one page load to the next.
    this.#attempt = Math.max(this.#attempt + 1, this.#clock.now());
    this.#commands.attach((text) => this.#socket.send(text));
    const params = {
      token,
      device_id: this.#options.deviceId,
      attempt: this.#attempt,
      client: this.#options.client,
      foreground: !this.#background,
      cursors: this.#topics.cursors(),
    };
    // Its result is taken by `#session`, at once: events may follow in the same message.
    this.#commands
      .call('session.open', params, { now: true })
      .catch(mine((error) => this.#refused(error)));
  }

  #refused(error) {
    if (error.code === 'disconnected') return;
    if (error.code === 'token_expired') this.#lost(Close.TOKEN_EXPIRED);
    else if (error.retryable) {
      this.#byeMs = error.retry_after_ms ?? null;
      this.#lost(1006);
    } else {
      this.#refusal = error;
      this.#clock.clearTimeout(this.#timers.opening);
      this.#timers.opening = this.#clock.setTimeout(() => this.#end({ error }), CLOSE_WAIT_MS);
    }
  }

  #received(data) {
    this.#watchdog.heard();
    const turn = this.#turn;
    for (const frame of [JSON.parse(data)].flat()) {
      if (turn !== this.#turn) return;
      if (frame.event !== undefined) this.#pushed(frame);
      else if (frame.result?.session_id && this.#state === 'connecting') this.#session(frame);
      else this.#commands.reply(frame);
    }
  }

  #session(frame) {
    const result = frame.result;
    this.#clock.clearTimeout(this.#timers.opening);
    this.#commands.reply(frame);
    this.user = result.user;
    this.#timers.quiet = this.#clock.setTimeout(() => {
      this.#failures = 0;
    }, QUIET_MS);
    this.#watchdog.start(
      result.ping_interval_ms * 1.5,
      () => this.call('ping').catch(() => {}),
      () => this.#lost(1006),
    );
    for (const { topic, head } of result.heads) this.#topics.track(topic, head);
    this.#become('open');
    this.#commands.ready(result.limits?.open_commands_max);
    for (const { topic, from, head } of result.behind) this.#topics.want(topic, head, from);
    for (const [topic, { cursor }] of this.#topics.subscribed()) {
      this.call('topic.subscribe', cursor === null ? { topic } : { topic, after: cursor }).catch(
        () => {},
      );
    }
    if (this.#watched.size > 0) this.#watchNow([...this.#watched]);
    this.#emit('open', result);
    this.#outbox.online();
  }

  #pushed(push) {
    if (push.seq !== undefined && push.seq !== null) {
      this.#topics.push(push);
      return;
    }
    if (push.event === 'bye') this.#byeMs = push.data.retry_after_ms;
    if (push.event === 'gap') this.#topics.want(push.data.topic, push.data.to, push.data.from);
    if (push.event === 'session.expiring') this.#refresh();
    this.#emit(push.event, push);
  }

  #deliver(event) {
    this.#emit(event.event, event);
    this.#emit('event', event);
    const { data } = event;
    if (event.event === 'message.created' && data.sender_id === this.user?.id) {
      const { seq, at } = event;
      const sent = { seq, message_id: data.message_id, at, duplicate: false };
      this.#outbox.acknowledge(data.client_id, sent);
    }
    if (event.event === 'conversation.joined') this.#joined(data.conversation_id);
  }

  /** It may have begun while we were away: then nothing of it was pushed. */
  #joined(conversation_id) {
    const topic = `conversation:${conversation_id}`;
    if (!this.#topics.get(topic)) this.#topics.want(topic, 1, 1);
  }

  async #refresh() {
    try {
      const token = await this.#options.token({ fresh: true });
      await this.call('session.refresh', { token });
    } catch {
      // The server closes with 4005 then, and that is dealt with there.
    }
  }

  #watchNow(users) {
    if (users.length === 0) return;
    this.call('presence.watch', { users }).then(
      ({ states }) => {
        const data = { changes: states };
        this.#emit('presence.changed', { event: 'presence.changed', data });
      },
      () => {},
    );
  }

  #lost(code) {
    if (isFinal(code)) this.#end({ code });
    else if (this.#refusal) this.#end({ error: this.#refusal });
    else {
      this.#freshToken ||= code === Close.TOKEN_EXPIRED;
      this.#again();
    }
  }

  #again() {
    this.#stop('waiting');
    const delay = this.#byeMs ?? backoffMs(this.#failures, this.#clock.random);
    this.#failures += 1;
    this.#byeMs = null;
    this.#timers.again = this.#clock.setTimeout(() => this.#dial(), delay);
  }

  /** Over for good: `connect` may be called again with a new token, or on this device's behalf. */
  #end(why) {
    this.#stop('ended');
    this.#emit('ended', why);
  }

  #stop(state) {
    this.#turn += 1;
    this.#clearTimers();
    this.#watchdog.stop();
    this.#outbox.offline();
    if (state === 'waiting') this.#commands.lost();
    else this.#commands.end();
    // Not waited for: on a dead network the close event takes minutes.
    if (this.#socket) this.#socket.close(1000);
    this.#socket = null;
    this.#become(state);
  }

  #clearTimers() {
    for (const timer of Object.values(this.#timers)) this.#clock.clearTimeout(timer);
  }

  #become(state) {
    if (this.#state === state) return;
    this.#state = state;
    this.#emit('state', state);
  }

  #emit(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) guarded(listener, value);
  }
}
