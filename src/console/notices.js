/** One's notices: how many are new, and where each leads. */

import { News } from './news.js';

const PAGE = 30;
const ID = '[0-9a-f-]{36}';

/** Where a notice's link leads on this page. */
export function hashOf(link) {
  const [, thing, id] = new RegExp(`^([a-z_]+):(${ID})$`).exec(link) ?? [];
  const hashes = {
    conversation: `#/talk/${id}`,
    request: '#/support',
    user: `#/person/${id}`,
    person: `#/person/${id}`,
    group: `#/group/${id}`,
    exchange: `#/exchange/${id}`,
  };
  return hashes[thing] ?? '#/notices';
}

export class Notices {
  #client;

  unread = 0;
  /** What last grew first. */
  items = [];
  next = null;
  isLoaded = false;
  changed = new News();

  constructor(client) {
    this.#client = client;
    client.on('open', () => this.load().catch(() => {}));
    client.on('notification.created', ({ data }) => {
      const before = this.items.find(({ id }) => id === data.notification.id);
      const wasNew = before ? !before.read_at : false;
      if (!data.notification.read_at && !wasNew) this.unread += 1;
      this.#put(data.notification);
      this.changed.tell();
    });
    client.on('notification.read', ({ data }) => {
      const ids = data.notification_ids ?? [];
      this.#markHere((id) => ids.length === 0 || ids.includes(id), data.unread);
    });
  }

  async load() {
    const page = await this.#client.call('notification.list', { limit: PAGE }, { retry: true });
    this.items = page.items;
    this.next = page.next ?? null;
    this.unread = page.unread;
    this.isLoaded = true;
    this.changed.tell();
  }

  async earlier() {
    const params = { limit: PAGE, after: this.next };
    const page = await this.#client.call('notification.list', params, { retry: true });
    const known = new Set(this.items.map(({ id }) => id));
    this.items = [...this.items, ...page.items.filter(({ id }) => !known.has(id))];
    this.next = page.next ?? null;
    this.changed.tell();
  }

  /** `which`: an id, or `all`. */
  async mark(which) {
    const params = { read: which };
    const { unread } = await this.#client.call('notification.mark', params, { retry: true });
    this.#markHere((id) => which === 'all' || id === which, unread);
  }

  #markHere(isMeant, unread) {
    for (const item of this.items) {
      if (isMeant(item.id)) item.read_at ??= Date.now();
    }
    this.unread = unread;
    this.changed.tell();
  }

  #put(notice) {
    this.items = [notice, ...this.items.filter(({ id }) => id !== notice.id)];
  }
}
