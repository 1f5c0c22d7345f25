/** The training groups one is in: whoever is in one may practise with others. */

import { News } from './news.js';

const GROUPS_MAX = 100;

export class Training {
  #client;

  groups = [];
  changed = new News();

  constructor(client) {
    this.#client = client;
    for (const name of ['open', 'membership.started', 'membership.ended']) {
      client.on(name, () => this.load().catch(() => {}));
    }
  }

  async load() {
    const params = { mine: true, limit: GROUPS_MAX };
    const { items } = await this.#client.call('group.list', params, { retry: true });
    this.groups = items.filter(({ kind }) => kind === 'training');
    this.changed.tell();
    return this.groups;
  }
}
