/** The bell, and the page it leads to: what happened while one looked elsewhere. */

import { el, fill, icon } from './element.js';
import { hashOf } from './notices.js';
import { ago } from './times.js';
import { told, words } from './words.en.js';

const w = words.notices;

/** Quiet: a number beside a bell, and nothing that moves. */
export function bell({ notices }) {
  const number = el('span', { class: 'count', 'aria-hidden': 'true', hidden: true });
  const name = el('span', { class: 'hidden' });
  const node = el('a', { class: 'bell', href: '#/notices' }, icon('bell'), number, name);
  const draw = () => {
    const { unread } = notices;
    number.hidden = unread === 0;
    number.textContent = unread > 99 ? '99+' : unread;
    name.textContent = w.bell(unread);
  };
  const leave = notices.changed.listen(draw);
  draw();
  return { node, leave };
}

export function noticesView(home) {
  const { notices } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const said = el('p', { class: 'hint', role: 'status' });
  const list = el('ol', { class: 'plain notice-list' });
  const show = (error) => {
    problem.textContent = told(error);
  };
  const markAll = el(
    'button',
    {
      onclick: () =>
        notices.mark('all').then(() => {
          said.textContent = w.allReadDone;
        }, show),
    },
    w.allRead,
  );
  const more = el(
    'button',
    { class: 'link', onclick: () => notices.earlier().catch(show) },
    w.more,
  );

  function draw() {
    markAll.hidden = notices.unread === 0;
    more.hidden = !notices.next;
    const focused = list.contains(document.activeElement)
      ? document.activeElement.getAttribute('aria-label')
      : null;
    if (notices.items.length === 0) fill(list, el('li', { class: 'hint' }, w.none));
    else fill(list, ...notices.items.map(row));
    if (focused) list.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
  }

  const row = (notice) => {
    const isNew = !notice.read_at;
    const read = () => notices.mark(notice.id).catch(show);
    return el(
      'li',
      { class: isNew ? 'one-notice new' : 'one-notice' },
      el(
        'a',
        { href: hashOf(notice.link), onclick: isNew ? read : null },
        isNew ? el('span', { class: 'hidden' }, `${w.unread}: `) : null,
        notice.text,
      ),
      el(
        'span',
        { class: 'hint' },
        words.telling.kind[notice.kind] ?? notice.kind,
        ' · ',
        el('time', { datetime: new Date(notice.changed_at).toISOString() }, ago(notice.changed_at)),
      ),
      isNew
        ? el(
            'button',
            { class: 'link', 'aria-label': w.markReadOf(notice.text), onclick: read },
            w.markRead,
          )
        : null,
    );
  };

  const end = notices.changed.listen(draw);
  draw();
  if (!notices.isLoaded) notices.load().catch(show);
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      el('div', { class: 'row wrap' }, markAll, el('a', { href: '#/telling' }, w.settings)),
      said,
      problem,
      list,
      more,
    ),
    title: w.title,
    leave: end,
  };
}
