/**
 * The events of one conversation, folded to messages. Events may come in any order, since
 * earlier pages are read after later ones; the highest seq decides.
 */
export class Thread {
  #messages = new Map();
  #changes = new Map();
  #notes = new Map();
  #seen = new Set();

  oldest = Infinity;
  newest = 0;

  add(event) {
    if (this.#seen.has(event.seq)) return;
    this.#seen.add(event.seq);
    this.oldest = Math.min(this.oldest, event.seq);
    this.newest = Math.max(this.newest, event.seq);
    const { seq, at, data } = event;
    if (event.event === 'message.created') this.#messages.set(seq, { seq, at, data });
    else if (event.event === 'message.edited')
      this.#words(data.message_seq, seq, data.text ?? null);
    else if (event.event === 'message.deleted') this.#words(data.message_seq, seq, undefined);
    else if (event.event === 'message.reacted') this.#reaction(seq, data);
    else if (event.event.startsWith('member.')) this.#notes.set(seq, event);
  }

  has(clientId) {
    return [...this.#messages.values()].some(({ data }) => data.client_id === clientId);
  }

  get(seq) {
    const message = this.#messages.get(seq);
    return message ? this.#view(message) : null;
  }

  /** Messages and notes, oldest first. */
  list() {
    const all = [
      ...[...this.#messages.values()].map((message) => this.#view(message)),
      ...[...this.#notes.values()].map(({ seq, at, event, data }) => ({
        seq,
        at,
        note: event,
        who: data.user_id,
      })),
    ];
    return all.sort((a, b) => a.seq - b.seq);
  }

  #of(seq) {
    if (!this.#changes.has(seq))
      this.#changes.set(seq, { by: 0, text: null, reactions: new Map() });
    return this.#changes.get(seq);
  }

  #words(messageSeq, by, text) {
    const change = this.#of(messageSeq);
    if (by > change.by) Object.assign(change, { by, text });
  }

  #reaction(seq, { message_seq, user_id, emoji, on }) {
    const { reactions } = this.#of(message_seq);
    const key = `${user_id} ${emoji}`;
    if (seq > (reactions.get(key)?.seq ?? 0)) reactions.set(key, { seq, user_id, emoji, on });
  }

  #view({ seq, at, data }) {
    const change = this.#changes.get(seq);
    const reactions = {};
    for (const { user_id, emoji, on } of change?.reactions.values() ?? []) {
      if (on) (reactions[emoji] ??= []).push(user_id);
    }
    return {
      seq,
      at,
      sender: data.sender_id,
      clientId: data.client_id,
      replyTo: data.reply_to ?? null,
      text: change?.by ? (change.text ?? null) : (data.text ?? null),
      edited: Boolean(change?.by) && change.text !== undefined,
      deleted: Boolean(change?.by) && change.text === undefined,
      reactions,
    };
  }
}
