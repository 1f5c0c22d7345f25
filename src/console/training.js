/** A trainee's training groups: who is in one may practise with others. */

import { News } from './news.js';

const GROUPS_MAX = 100;

export class Training {
  #client;

  groups = [];
  changed = new News();

  constructor(client, me) {
    this.#client = client;
    this.isTrainee = me.roles.includes('trainee');
    if (!this.isTrainee) return;
    for (const name of ['open', 'membership.started', 'membership.ended']) {
      client.on(name, () => this.load().catch(() => {}));
    }
  }

  async load() {
    if (!this.isTrainee) return this.groups;
    const params = { mine: true, limit: GROUPS_MAX };
    const { items } = await this.#client.call('group.list', params, { retry: true });
    this.groups = items.filter(({ kind }) => kind === 'training');
    this.changed.tell();
    return this.groups;
  }
}
