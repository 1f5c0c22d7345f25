/** One conversation: its messages, who is there, and where one writes. */

import { composer } from './composer.js';
import { ask, el, fill } from './element.js';
import { strangerNotice } from './stranger.js';
import { messageNode, unsentNode } from './message.js';
import { SupportSession } from './session.js';
import { Thread } from './thread.js';
import { dayOf, isSameDay } from './times.js';
import { sorry, told, words } from './words.en.js';

const w = words.talk;
const PAGE = 50;
const TYPING_SHOWN_MS = 5_000;
const NEAR_END_PX = 120;

export function talkView(home, id) {
  const talk = new Talk(home, id);
  return {
    node: talk.node,
    get title() {
      return talk.title;
    },
    get focus() {
      return talk.focus;
    },
    leave: () => talk.leave(),
  };
}

class Talk {
  #home;
  #id;
  #topic;
  #thread = new Thread();
  #loaded = false;
  /** How far the others have read, as far as their receipts said. */
  #readByOthers = 0;
  #typing = null;
  #ends = [];
  /** Nodes by key, with what they were made from: only what changed is made again. */
  #nodes = new Map();
  #head = el('header', { class: 'talk-head' });
  #list = el('ol', { class: 'messages' });
  #log = el(
    'div',
    { class: 'log', role: 'log', 'aria-label': w.messages, tabindex: '0' },
    this.#list,
  );
  #earlier = el(
    'button',
    { class: 'link earlier', hidden: true, onclick: () => this.#loadEarlier() },
    w.earlier,
  );
  #typingLine = el('p', { class: 'typing', 'aria-live': 'polite' });
  #problem = el('p', { class: 'problem', role: 'alert' });
  #foot = el('div', { class: 'talk-foot' });
  #beside = el('div', { class: 'talk-body' });
  /** Only where a coach and a member talk. */
  #session = null;
  #composer;

  constructor(home, id) {
    this.#home = home;
    this.#id = id;
    this.#topic = `conversation:${id}`;
    const { client, conversations, people } = home;
    this.#composer = composer({
      send: (text, replyTo) => this.#send(text, replyTo),
      save: (seq, text) => this.#do('conversation.edit', { seq, text }),
      typing: () => client.call('conversation.typing', { conversation_id: id }).catch(() => {}),
    });
    fill(
      this.#beside,
      el(
        'div',
        { class: 'talk-main' },
        el('div', { class: 'scroll' }, this.#earlier, this.#log),
        this.#typingLine,
        this.#problem,
        this.#foot,
      ),
    );
    this.node = el('section', { class: 'talk' }, this.#head, this.#beside);
    conversations.reading(id);
    const onVisible = () => this.#markRead();
    this.#keepEnd();
    document.addEventListener('visibilitychange', onVisible);
    this.#ends.push(
      () => document.removeEventListener('visibilitychange', onVisible),
      client.on('event', (event) => this.#happened(event)),
      client.on('outbox', () => this.#draw()),
      client.on('state', () => this.#draw()),
      client.on(
        'typing',
        ({ topic, data }) => topic === this.#topic && this.#showTyping(data.user_id),
      ),
      client.on('receipt', ({ topic, data }) => topic === this.#topic && this.#receipt(data)),
      conversations.changed.listen(() => this.#drawAround()),
      people.changed.listen(() => this.#draw()),
    );
    this.#draw();
    this.#load();
  }

  get title() {
    const conversation = this.#conversation;
    return (conversation && this.#home.conversations.title(conversation)) || words.talks.title;
  }

  get focus() {
    return matchMedia('(pointer: fine)').matches && !this.#conversation?.closed
      ? this.#composer.input
      : this.#log;
  }

  get #conversation() {
    return this.#home.conversations.get(this.#id);
  }

  leave() {
    this.#home.conversations.reading(null);
    this.#session?.leave();
    clearTimeout(this.#typing);
    for (const end of this.#ends) end();
  }

  async #load() {
    const { client, conversations } = this.#home;
    try {
      if (!this.#conversation) await conversations.fetch(this.#id);
      const page = await client.call(
        'topic.read',
        { topic: this.#topic, limit: PAGE },
        { retry: true },
      );
      for (const event of page.events) this.#thread.add(event);
      this.#loaded = true;
    } catch (error) {
      const gone = error.code === 'not_found' || error.code === 'forbidden';
      this.#problem.textContent = gone ? w.gone : sorry(error);
    }
    this.#draw({ toEnd: true });
    this.#markRead();
  }

  async #loadEarlier() {
    const params = { topic: this.#topic, before: this.#thread.oldest, limit: PAGE };
    const scroll = this.#log.parentElement;
    const fromEnd = scroll.scrollHeight - scroll.scrollTop;
    try {
      const page = await this.#home.client.call('topic.read', params, { retry: true });
      for (const event of page.events) this.#thread.add(event);
    } catch (error) {
      this.#problem.textContent = sorry(error);
    }
    this.#draw();
    scroll.scrollTop = scroll.scrollHeight - fromEnd;
  }

  #happened(event) {
    if (event.topic !== this.#topic) return;
    this.#thread.add(event);
    const { sender_id } = event.data;
    if (event.event === 'message.created' && sender_id !== this.#home.me.id) this.#showTyping(null);
    this.#draw({ toEnd: sender_id === this.#home.me.id });
    this.#markRead();
  }

  #send(text, reply_to) {
    const message = { conversation_id: this.#id, text };
    this.#home.client.send(reply_to === undefined ? message : { ...message, reply_to });
    this.#draw({ toEnd: true });
  }

  async #do(method, params) {
    this.#problem.textContent = '';
    try {
      await this.#home.client.call(method, { conversation_id: this.#id, ...params });
    } catch (error) {
      this.#problem.textContent = told(error);
      // What was written is given back.
      if (method === 'conversation.edit') this.#composer.edit(params.seq, params.text);
    }
  }

  async #remove(seq) {
    const yes = await ask({ question: w.removeAsk, yes: w.removeYes, no: w.keep });
    if (yes !== null) await this.#do('conversation.delete', { seq });
  }

  /** What grows around the messages does not cover the last one. */
  #keepEnd() {
    const scroll = this.#log.parentElement;
    let atEnd = true;
    scroll.addEventListener('scroll', () => {
      atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
    });
    const observer = new ResizeObserver(() => {
      if (atEnd) scroll.scrollTop = scroll.scrollHeight;
    });
    observer.observe(scroll);
    this.#ends.push(() => observer.disconnect());
  }

  #markRead() {
    if (!this.#loaded || document.hidden) return;
    this.#home.conversations.read(this.#id, this.#thread.newest);
  }

  #receipt({ user_id, read }) {
    if (user_id === this.#home.me.id || read <= this.#readByOthers) return;
    this.#readByOthers = read;
    this.#draw();
  }

  #showTyping(userId) {
    if (userId === this.#home.me.id) return;
    clearTimeout(this.#typing);
    this.#typingLine.textContent = userId ? w.typing(this.#home.people.name(userId)) : '';
    if (userId) this.#typing = setTimeout(() => this.#showTyping(null), TYPING_SHOWN_MS);
  }

  #draw({ toEnd = false } = {}) {
    this.#drawAround();
    const scroll = this.#log.parentElement;
    const atEnd = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR_END_PX;
    const items = this.#items();
    const keep = new Map();
    const nodes = items.map(({ key, from, make }) => {
      const signature = JSON.stringify(from);
      const known = this.#nodes.get(key);
      const node = known?.signature === signature ? known.node : make();
      keep.set(key, { signature, node });
      return node;
    });
    this.#nodes = keep;
    place(this.#list, nodes);
    this.#earlier.hidden = !this.#loaded || this.#thread.oldest <= 1;
    if (toEnd || atEnd) scroll.scrollTop = scroll.scrollHeight;
  }

  /** Days, messages, notes, and what is on its way. */
  #items() {
    const items = [];
    const entries = this.#thread.list();
    const marks = this.#marks(entries);
    // Between two people it is clear who wrote; among more it is said.
    const writers = new Set(entries.map(({ sender }) => sender).filter(Boolean));
    writers.delete(this.#home.me.id);
    let last = null;
    for (const entry of entries) {
      if (!last || !isSameDay(last.at, entry.at)) {
        const day = dayOf(entry.at);
        items.push({ key: `day ${day}`, from: day, make: () => el('li', { class: 'day' }, day) });
      }
      items.push(
        entry.note
          ? this.#note(entry)
          : this.#message(entry, marks[entry.seq] ?? null, writers.size > 1),
      );
      last = entry;
    }
    const { client, me } = this.#home;
    const online = client.state === 'open';
    for (const entry of client.unsent(this.#id)) {
      if (this.#thread.has(entry.client_id)) continue;
      const from = [entry, online];
      const make = () =>
        unsentNode(entry, {
          author: me.name,
          online,
          problem: sorry(entry.error),
          resend: () => client.resend(entry.client_id),
          discard: () => client.discard(entry.client_id),
        });
      items.push({ key: `message ${entry.client_id}`, from, make });
    }
    return items;
  }

  /** "Seen" and "Sent" stand only where they begin to differ: below the last such message. */
  #marks(entries) {
    const mine = entries.filter(({ sender, deleted }) => sender === this.#home.me.id && !deleted);
    const last = mine.at(-1)?.seq;
    const seen = mine.filter(({ seq }) => seq <= this.#readByOthers).at(-1)?.seq;
    return { [last]: w.sent, [seen]: w.seen };
  }

  #note({ seq, note, who }) {
    const name = this.#home.people.name(who);
    const text = note === 'member.left' ? w.left(name) : w.joined(name);
    return { key: `note ${seq}`, from: text, make: () => el('li', { class: 'day' }, text) };
  }

  #message(message, mark, isNamed) {
    const { me, people } = this.#home;
    const names = (id) => (id === me.id ? words.talks.you : people.name(id));
    const open = !this.#conversation?.closed && !this.#conversation?.left;
    const quoted = message.replyTo && this.#thread.get(message.replyTo);
    const quote = message.replyTo && {
      name: quoted ? names(quoted.sender) : w.someone,
      text: quoted ? (quoted.text ?? w.deleted) : w.earlierMessage,
    };
    const author = people.name(message.sender);
    const { seq } = message;
    const act = open && {
      react: (emoji, on) => this.#do('conversation.react', { seq, emoji, on }),
      reply: () => this.#composer.reply(seq, names(message.sender)),
      edit: () => this.#composer.edit(seq, message.text ?? ''),
      remove: () => this.#remove(seq),
    };
    const reacting = Object.values(message.reactions).flat().map(names);
    return {
      key: `message ${message.clientId}`,
      from: [message, mark, quote, open, author, isNamed, reacting],
      make: () => messageNode(message, { author, isNamed, quote, names, me: me.id, mark, act }),
    };
  }

  /** The head with who is there, and the foot with where one writes, or why not. */
  #drawAround() {
    const conversation = this.#conversation;
    const { conversations, people } = this.#home;
    if (!conversation) return;
    if (conversation.kind === 'support' && !this.#session) this.#open();
    this.#session?.draw();
    const others = conversations.others(conversation);
    const isOne = others.length === 1 && conversation.kind !== 'support';
    const name = isOne ? el('a', { href: `#/person/${others[0].id}` }, this.title) : this.title;
    const title = el('h1', {}, name);
    const state = el(
      'p',
      { class: 'presence' },
      this.#session ? el('span', { class: 'tag' }, words.talks.support) : null,
      others.map(({ id }) => people.presence(id)).join(', '),
    );
    // The buttons stay where they are, with the focus that may be on one.
    if (this.#head.children.length === 0) {
      fill(this.#head, el('div', {}), this.#session?.actions);
    }
    fill(this.#head.firstElementChild, title, state);
    this.#drawFoot(conversation);
  }

  #open() {
    this.#session = new SupportSession(this.#home, () => this.#conversation, {
      say: (text) => this.#send(text),
      sorry: (text) => {
        this.#problem.textContent = text;
      },
    });
    this.#log.after(this.#session.after);
    this.#beside.append(this.#session.beside);
  }

  get #hasWritten() {
    const { client, me } = this.#home;
    const mine = this.#thread.list().some(({ sender }) => sender === me.id);
    return mine || client.unsent(this.#id).length > 0;
  }

  /** Only when it changes: what stands in the composer stays there, with its focus. */
  #drawFoot(conversation) {
    const { closed, left, paused } = conversation;
    const stranger = strangerNotice(this.#home, conversation, {
      hasWritten: this.#hasWritten,
      sorry: (text) => {
        this.#problem.textContent = text;
      },
    });
    const state = [closed, left, paused, stranger?.key].join(' ');
    if (this.#foot.dataset.state === state) return;
    this.#foot.dataset.state = state;
    const over = left ? w.leftByMe : closed ? w.closed : paused ? words.inbox.paused : null;
    fill(
      this.#foot,
      this.#session?.notices,
      stranger?.node,
      over ? el('p', { class: 'notice' }, over) : stranger?.isMute ? null : this.#composer.node,
    );
  }
}

/** Makes `nodes` the children, moving none that stands right: focus and scrolling stay. */
function place(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  nodes.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}
