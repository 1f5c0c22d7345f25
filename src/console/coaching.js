/**
 * What a coach has to know on every page: what is offered just now, who waits for an answer,
 * and whether one takes offers. The server decides; this is what it said last.
 */

import { News } from './news.js';

const ANSWERED = ['active', 'transferring'];

export class Coaching {
  #home;

  /** By request: what may be accepted by me. */
  offers = new Map();
  /** By request: those I answer, as they were said last. */
  known = new Map();
  /** By conversation: a member waits for my answer; back in line then. */
  nudges = new Map();
  available = false;
  capacity = null;
  load = 0;
  /** What the coach should hear once: `{what, request}`. */
  news = new News();
  changed = new News();

  constructor(home) {
    this.#home = home;
    const { client } = home;
    client.on('open', () => this.read());
    const events =
      'offered claimed requeued transfer_offered transferred closed abandoned cancelled';
    for (const what of [...events.split(' '), 'expired', 'reopened', 'rated']) {
      client.on(`support.${what}`, ({ data }) => this.#happened(what, data));
    }
    client.on('support.warned', ({ data }) => {
      if (data.user_id !== home.me.id || data.request.member.id === home.me.id) return;
      this.nudges.set(data.conversation_id, { request: data.request, until: data.until_at });
      this.changed.tell();
    });
    // Somebody else claimed it, or it was taken back: only the board says so.
    client.on('desk.changed', ({ data }) => {
      for (const { request } of data.changes) {
        if (request && this.offers.has(request.id)) this.know(request);
      }
    });
    client.on('message.created', ({ topic, data }) => {
      if (data.sender_id !== home.me.id) return;
      if (this.nudges.delete(topic.slice('conversation:'.length))) this.changed.tell();
    });
  }

  /** After a reload, what is offered stands on the boards only. */
  async read() {
    const { client } = this.#home;
    try {
      const { items } = await client.call('desk.list', {}, { retry: true });
      for (const { id } of items) {
        const board = await client.call('desk.board', { desk_id: id }, { retry: true });
        this.see(board);
      }
    } catch {
      // Not a coach of that desk, or not connected: then nothing is offered there either.
    }
  }

  see({ waiting, active, coaches }) {
    const { me } = this.#home;
    const own = coaches.find(({ coach }) => coach.id === me.id);
    if (own) {
      this.available = own.available;
      this.capacity = own.capacity;
      this.load = own.load;
    }
    for (const request of [...waiting, ...active]) this.#consider(request);
    this.changed.tell();
  }

  async set(choice) {
    const now = await this.#home.client.call('coach.set', choice, { retry: true });
    this.available = now.available;
    this.capacity = now.capacity;
    this.changed.tell();
  }

  async accept(request) {
    await this.#answer('support.accept', request);
    this.#home.go(`#/talk/${request.conversation_id}`);
  }

  async decline(request) {
    await this.#answer('support.decline', request);
  }

  async #answer(method, { id }) {
    try {
      await this.#home.client.call(method, { request_id: id }, { retry: true });
    } finally {
      // Also where it was too late: what is over is not shown any longer.
      this.#drop(id);
      this.changed.tell();
    }
  }

  /** Its time is over here; the server says so as well, a moment later. */
  forget(id) {
    if (this.#drop(id)) this.changed.tell();
  }

  know(request) {
    this.#consider(request);
    this.changed.tell();
  }

  #consider(request) {
    if (request.member.id === this.#home.me.id) return;
    const { me } = this.#home;
    const isMine = request.coach?.id === me.id;
    if (isMine && ANSWERED.includes(request.state)) this.known.set(request.id, request);
    else this.known.delete(request.id);
    const isForMe = request.offered_to?.id === me.id;
    if (!isForMe || request.offered_until <= this.#home.now()) {
      this.#drop(request.id);
      return;
    }
    if (!this.offers.has(request.id)) this.#home.desks.watch(request.desk_id).catch(() => {});
    this.offers.set(request.id, request);
  }

  #drop(id) {
    const offer = this.offers.get(id);
    if (offer) this.#home.desks.unwatch(offer.desk_id);
    return this.offers.delete(id);
  }

  #happened(what, data) {
    const { request } = data;
    if (request && request.member.id !== this.#home.me.id) {
      // Back in line is where it came from: an offer that was said already is newer.
      if (what !== 'reopened' || !this.offers.has(request.id)) this.#consider(request);
      const isMine = request.coach?.id === this.#home.me.id && request.state === 'active';
      if (!isMine && request.state !== 'transferring') this.nudges.delete(request.conversation_id);
    }
    this.news.tell({ what, request, data });
    this.changed.tell();
  }
}
