/** Names and presence of people. */

import { News } from './news.js';
import { ago } from './times.js';
import { words } from './words.en.js';

export class People {
  #client;
  #names = new Map();
  #states = new Map();
  #asked = new Set();

  changed = new News();

  constructor(client) {
    this.#client = client;
    client.on('presence.changed', ({ data }) => {
      for (const state of data.changes) this.#states.set(state.user_id, state);
      this.changed.tell();
    });
  }

  meet(persons) {
    for (const { id, name } of persons) this.#names.set(id, name);
  }

  /** A name; looked up if it is not known yet, and then `changed`. */
  name(id) {
    const name = this.#names.get(id);
    if (name === undefined) this.#look(id);
    return name ?? words.talk.someone;
  }

  watch(ids) {
    this.#client.watch(ids);
  }

  /** `online`, `away`, `busy`, `offline`, or null where it is not known. */
  status(id) {
    return this.#states.get(id)?.status ?? null;
  }

  presence(id) {
    const state = this.#states.get(id);
    if (!state) return '';
    if (state.status === 'offline' && state.last_seen_at) {
      return words.presence.seen(ago(state.last_seen_at));
    }
    return words.presence[state.status] ?? '';
  }

  async #look(user_id) {
    if (this.#asked.has(user_id)) return;
    this.#asked.add(user_id);
    try {
      const { profile } = await this.#client.call('profile.get', { user_id }, { retry: true });
      this.meet([profile]);
      this.changed.tell();
    } catch {
      // A person one may not see stays "someone".
    }
  }
}
