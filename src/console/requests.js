/** One's own support request: where it stands just now. */

import { News } from './news.js';

const OPEN = ['awaiting_payment', 'queued', 'offered', 'active', 'transferring'];
const EVENTS = [
  'awaiting_payment',
  'queued',
  'offered',
  'claimed',
  'requeued',
  'transfer_offered',
  'transferred',
  'warned',
  'abandoned',
  'closed',
  'cancelled',
  'expired',
  'reopened',
];

const BEGINS = ['queued', 'reopened'];

/** An answered request can be opened again for so long after its end. */
export const REOPEN_MS = 72 * 60 * 60_000;

export const canReopen = ({ state, ended_at }, now) =>
  (state === 'closed' || state === 'abandoned') && now - ended_at < REOPEN_MS;

export class Requests {
  #client;
  #me;

  /** The open request, or null. */
  request = null;
  position = null;
  wait = null;
  /** The coach's connection dropped, until then. */
  graceUntil = null;
  /** It ends then, unless the member says a word. */
  warnedUntil = null;
  /** Where help is, in the server's words, since what was written sounded like an emergency. */
  help = null;
  /** What happened last, for the page to say: `{what, request, data}`. */
  news = new News();
  changed = new News();

  constructor(client, me) {
    this.#client = client;
    this.#me = me;
    client.on('open', () => this.load());
    for (const what of EVENTS) {
      client.on(`support.${what}`, ({ data }) => this.#happened(what, data));
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
    client.on('support.help', ({ data }) => {
      this.help = data.text;
      this.changed.tell();
    });
    // A word of one's own is what the warning asked for.
    client.on('message.created', ({ topic, data }) => {
      const here = topic === `conversation:${this.request?.conversation_id}`;
      if (!this.warnedUntil || !here || data.sender_id !== me) return;
      this.warnedUntil = null;
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
      this.position = asked.position ?? null;
      this.wait = asked.wait ?? null;
    } catch (error) {
      // There is one already, from another device perhaps: that one is shown.
      if (error.code !== 'conflict') throw error;
      await this.load();
      if (!this.request) throw error;
    }
    this.changed.tell();
  }

  async cancel() {
    const request_id = this.request.id;
    const result = await this.#client.call('support.cancel', { request_id }, { retry: true });
    this.#happened('cancelled', { request: result.request });
  }

  async reopen(request_id) {
    const result = await this.#client.call('support.reopen', { request_id }, { retry: true });
    this.#happened('reopened', { request: result.request });
    await this.load();
  }

  hideHelp() {
    this.help = null;
    this.changed.tell();
  }

  /** Coaches get these events as well, for requests of others. */
  #happened(what, data) {
    const { request } = data;
    if (request.member.id === this.#me) {
      const isSame = this.request?.id === request.id;
      if (this.request && !isSame && !OPEN.includes(request.state)) return;
      // These begin a life; what is known of it already is newer.
      if (!isSame || !BEGINS.includes(what)) this.#set(request);
      this.warnedUntil = what === 'warned' && data.user_id === this.#me ? data.until_at : null;
      this.changed.tell();
    }
    this.news.tell({ what, request, data });
  }

  #set(request) {
    this.request = OPEN.includes(request.state) ? request : null;
    this.graceUntil = request.grace_until ?? null;
    if (!this.isWaiting) this.position = null;
  }
}
