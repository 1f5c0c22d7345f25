/** What one sees first, where there is room beside the list. */

import { el } from './element.js';
import { words } from './words.en.js';

const w = words.home;

export function homeView({ me, isCoach }) {
  const node = el(
    'section',
    { class: 'page home' },
    el('h1', {}, w.title(me.name)),
    el('p', { class: 'lead' }, w.lead),
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
