/** One's own support request: where it stands just now. */

import { News } from './news.js';

const OPEN = ['awaiting_payment', 'queued', 'offered', 'active', 'transferring'];

/** After these the page shows another state, and says nothing of its own. */
const OTHER_EVENTS = [
  'awaiting_payment',
  'offered',
  'transfer_offered',
  'transferred',
  'warned',
  'abandoned',
  'expired',
  'reopened',
];

export class Requests {
  #client;
  #me;

  /** The open request, or null. */
  request = null;
  position = null;
  wait = null;
  /** The coach's connection dropped, until then. */
  graceUntil = null;
  /** What happened last, for the page to say: `claimed`, `requeued`, `cancelled`, `closed`. */
  news = new News();
  changed = new News();

  constructor(client, me) {
    this.#client = client;
    this.#me = me;
    client.on('open', () => this.load());
    for (const what of ['queued', 'claimed', 'closed', 'cancelled']) {
      client.on(`support.${what}`, ({ data }) => this.#happened(what, data.request));
    }
    client.on('support.requeued', ({ data }) => {
      // An offer that came to nothing: the place is the same, and there is nothing to say.
      const offer = ['declined', 'timed_out', 'offer_gone'].includes(data.cause);
      this.#happened(offer ? 'offered' : 'requeued', data.request);
    });
    for (const what of OTHER_EVENTS) {
      client.on(`support.${what}`, ({ data }) => this.#happened(what, data.request));
    }
    client.on('support.position', ({ data }) => {
      if (data.request_id !== this.request?.id) return;
      this.position = data.position;
      this.wait = data.wait ?? null;
      this.changed.tell();
    });
    client.on('support.coach_away', ({ data }) => {
      if (data.request_id !== this.request?.id) return;
      this.graceUntil = data.grace_until ?? null;
      this.changed.tell();
    });
  }

  get isWaiting() {
    return this.request !== null && !['active', 'transferring'].includes(this.request.state);
  }

  async load() {
    try {
      const status = await this.#client.call('support.status', {}, { retry: true });
      this.request = status.request ?? null;
      this.position = status.position ?? null;
      this.wait = status.wait ?? null;
      this.graceUntil = status.request?.grace_until ?? null;
    } catch {
      // It is loaded again with the next connection.
    }
    this.changed.tell();
  }

  async ask(params) {
    try {
      const asked = await this.#client.call('support.request', params, { retry: true });
      this.#set(asked.request);
      this.position = asked.position;
      this.wait = asked.wait ?? null;
    } catch (error) {
      if (error.code !== 'conflict') throw error;
      // There is one already, from another device perhaps: that one is shown.
      await this.load();
    }
    this.changed.tell();
  }

  async cancel() {
    const request_id = this.request.id;
    const result = await this.#client.call('support.cancel', { request_id }, { retry: true });
    this.#happened('cancelled', result.request);
  }

  /** Coaches get these events as well, for requests of others. */
  #happened(what, request) {
    if (request.member.id === this.#me) {
      if (this.request && this.request.id !== request.id && !OPEN.includes(request.state)) return;
      const before = this.request?.state;
      this.#set(request);
      if (before !== this.request?.state) this.changed.tell();
    }
    this.news.tell({ what, request });
  }

  #set(request) {
    this.request = OPEN.includes(request.state) ? request : null;
    this.graceUntil = request.grace_until ?? null;
    if (!this.isWaiting) this.position = null;
  }
}
