/** One's conversations, as the list shows them: the server's, kept up to date by events. */

import { News } from './news.js';

const PAGE = 100;
/** After these, what one may do in a conversation is something else. */
const REREAD = ['accepted', 'refused', 'paused', 'resumed'].map((what) => `conversation.${what}`);

export class Conversations {
  #client;
  #people;
  #me;
  #items = new Map();
  /** The one being read: what comes there is read at once. */
  #reading = null;

  changed = new News();

  constructor(client, people, me) {
    this.#client = client;
    this.#people = people;
    this.#me = me;
    client.on('open', () => this.load());
    client.on('event', (event) => this.#happened(event));
    client.on('receipt', ({ topic, data }) => {
      // One's own mark, made on another device.
      if (data.user_id === me) this.fetch(topic.slice(topic.indexOf(':') + 1)).catch(() => {});
    });
  }

  get(id) {
    return this.#items.get(id);
  }

  /** Newest activity first. */
  list() {
    return this.#sorted((conversation) => !this.isRequest(conversation));
  }

  /** First messages of people one does not know, and has not said no to. */
  requests() {
    return this.#sorted((one) => this.isRequest(one) && !one.request.refused);
  }

  /** Whether it waits for one's own yes. */
  isRequest({ request }) {
    return Boolean(request) && request.by !== this.#me;
  }

  #sorted(isWanted) {
    const all = [...this.#items.values()].filter((one) => !one.left && isWanted(one));
    return all.sort((a, b) => b.active_at - a.active_at);
  }

  async accept(conversation_id) {
    await this.#client.call('conversation.accept', { conversation_id }, { retry: true });
    await this.fetch(conversation_id);
  }

  async refuse(conversation_id) {
    await this.#client.call('conversation.refuse', { conversation_id }, { retry: true });
    await this.fetch(conversation_id);
  }

  others({ members }) {
    return members.filter(({ id }) => id !== this.#me);
  }

  title(conversation) {
    return this.others(conversation)
      .map(({ name }) => name)
      .join(', ');
  }

  async load() {
    try {
      const list = (more) =>
        this.#client.call('conversation.list', { limit: PAGE, ...more }, { retry: true });
      const [page, first] = await Promise.all([list({}), list({ requests: true })]);
      const listed = new Set([...page.items, ...first.items].map(({ id }) => id));
      // What is listed no more is hidden: somebody blocked somebody.
      for (const id of this.#items.keys()) {
        if (!listed.has(id) && !page.next) this.#items.delete(id);
      }
      for (const conversation of [...page.items, ...first.items]) this.#take(conversation);
    } catch {
      // It is loaded again with the next connection.
    }
    this.changed.tell();
  }

  async fetch(conversation_id) {
    const result = await this.#client.call(
      'conversation.get',
      { conversation_id },
      { retry: true },
    );
    this.#take(result.conversation);
    this.changed.tell();
    return this.#items.get(conversation_id);
  }

  async openWith(user_id) {
    const { conversation } = await this.#client.call('conversation.open', { user_id });
    this.#take(conversation);
    this.changed.tell();
    return conversation;
  }

  reading(id) {
    this.#reading = id;
  }

  /** Marks as read up to `seq`, here at once and there when the connection allows. */
  async read(id, seq) {
    const conversation = this.#items.get(id);
    if (!conversation || (conversation.read_seq >= seq && conversation.unread === 0)) return;
    conversation.read_seq = seq;
    conversation.unread = 0;
    this.changed.tell();
    await this.#client
      .call('conversation.mark', { conversation_id: id, read: seq }, { retry: true })
      .catch(() => {});
  }

  #take(conversation) {
    const known = this.#items.get(conversation.id);
    // An answer that was overtaken by an event must not take the list back.
    if (known && known.head_seq > conversation.head_seq) return;
    this.#items.set(conversation.id, conversation);
    this.#people.meet(conversation.members);
    this.#people.watch(this.others(conversation).map(({ id }) => id));
    this.#client.track(`conversation:${conversation.id}`, conversation.head_seq);
  }

  #happened(event) {
    if (event.event === 'conversation.joined') {
      // Perhaps after one had left it.
      this.#items.delete(event.data.conversation_id);
      this.fetch(event.data.conversation_id).catch(() => {});
      return;
    }
    if (event.event === 'conversation.requested') {
      this.fetch(event.data.conversation_id).catch(() => {});
      return;
    }
    if (!event.topic.startsWith('conversation:')) return;
    const id = event.topic.slice('conversation:'.length);
    const conversation = this.#items.get(id);
    if (!conversation) {
      this.fetch(id).catch(() => {});
      return;
    }
    if (event.seq <= conversation.head_seq) return;
    conversation.head_seq = event.seq;
    conversation.active_at = event.at;
    conversation.last = event;
    if (event.event === 'conversation.closed') conversation.closed = true;
    if (event.event === 'conversation.reopened') conversation.closed = false;
    const isNew = event.event === 'message.created' && event.data.sender_id !== this.#me;
    if (isNew && this.#reading !== id) conversation.unread += 1;
    const isOut = event.event === 'member.left' && event.data.user_id === this.#me;
    if (isOut) conversation.left = true;
    else if (event.event.startsWith('member.') || REREAD.includes(event.event)) {
      this.fetch(id).catch(() => {});
    }
    this.changed.tell();
  }
}
