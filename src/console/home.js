/** What one sees first, where there is room beside the list. */

import { el } from './element.js';
import { unverifiedCard } from './self.js';
import { words } from './words.en.js';

const w = words.home;

export function homeView(home) {
  const { me, isCoach } = home;
  const node = el(
    'section',
    { class: 'page home' },
    el('h1', {}, w.title(me.name)),
    el('p', { class: 'lead' }, w.lead),
    unverifiedCard(home, me),
    isCoach
      ? el('p', {}, el('a', { class: 'button', href: '#/desk' }, words.shell.desk))
      : el(
          'div',
          { class: 'card' },
          el('h2', {}, w.support),
          el('p', {}, w.supportLead),
          el('a', { class: 'button primary', href: '#/support' }, words.support.ask),
        ),
  );
  return { node, title: words.name };
}
