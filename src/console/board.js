/** A desk's board, live: read once, then changed by `desk.changed` version by version. */

import { News } from './news.js';

/** Between two readings of a board that is too long to be shown whole. */
const REREAD_MS = 1_000;

const isWaiting = ({ state }) => state === 'queued' || state === 'offered';
const isActive = ({ state }) => state === 'active' || state === 'transferring';

export class Board {
  #client;
  #deskId;
  #version = 0;
  #reading = false;
  #again = false;
  #ends = [];
  #timer;

  waiting = [];
  /** How many wait beyond those. */
  more = 0;
  active = [];
  coaches = [];
  changed = new News();

  #desks;

  constructor(client, desks, deskId) {
    this.#client = client;
    this.#desks = desks;
    this.#deskId = deskId;
  }

  get #topic() {
    return `desk:${this.#deskId}`;
  }

  async open() {
    this.#ends = [
      this.#client.on('desk.changed', ({ topic, data }) => {
        if (topic === this.#topic) this.#change(data);
      }),
      // Signals of the time away are gone.
      this.#client.on('open', () => this.#read().catch(() => {})),
    ];
    await this.#desks.watch(this.#deskId);
    await this.#read();
  }

  close() {
    clearTimeout(this.#timer);
    for (const end of this.#ends) end();
    this.#desks.unwatch(this.#deskId);
  }

  async #read() {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      do {
        this.#again = false;
        const params = { desk_id: this.#deskId };
        const board = await this.#client.call('desk.board', params, { retry: true });
        this.#version = board.version;
        this.waiting = board.waiting;
        this.more = board.waiting_total - board.waiting.length;
        this.active = board.active;
        this.coaches = board.coaches;
      } while (this.#again);
    } finally {
      this.#reading = false;
    }
    this.changed.tell();
  }

  #change({ version, changes }) {
    if (version <= this.#version) return;
    if (this.#reading || version !== this.#version + 1) {
      this.#read().catch(() => {});
      return;
    }
    this.#version = version;
    for (const { request, coach } of changes) {
      if (request) this.#request(request);
      if (coach) this.#coach(coach);
    }
    this.changed.tell();
  }

  #request(request) {
    const without = (list) => list.filter(({ id }) => id !== request.id);
    const wasWaiting = this.waiting.findIndex(({ id }) => id === request.id);
    const wasActive = this.active.some(({ id }) => id === request.id);
    if (isWaiting(request) && wasWaiting >= 0) this.waiting[wasWaiting] = request;
    else if (!isWaiting(request)) this.waiting = without(this.waiting);
    else if (this.more === 0) this.waiting = [...this.waiting, request];
    // What is beyond the part one sees, only a reading tells.
    if (this.more > 0) this.#timer ??= setTimeout(() => this.#reread(), REREAD_MS);
    this.active = isActive(request) ? [...without(this.active), request] : without(this.active);
    // Back in line: only the server knows the place.
    if (isWaiting(request) && wasActive) this.#read().catch(() => {});
  }

  #reread() {
    this.#timer = undefined;
    this.#read().catch(() => {});
  }

  #coach(row) {
    const at = this.coaches.findIndex(({ coach }) => coach.id === row.coach.id);
    if (at >= 0) this.coaches[at] = row;
    else this.coaches.push(row);
  }
}
