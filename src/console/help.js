/** Where help is to be had at once, for somebody whose words sounded like an emergency. */

import { el, fill } from './element.js';
import { words } from './words.en.js';

const w = words.support;

/** Stays until the person puts it away; on whatever page they are. */
export function helpRegion({ requests }) {
  const node = el('div', { class: 'help', role: 'alert' });
  let shown = null;
  const draw = () => {
    if (requests.help === shown) return;
    shown = requests.help;
    if (!shown) {
      fill(node);
      return;
    }
    fill(
      node,
      el(
        'div',
        { class: 'card' },
        el('h2', {}, w.help),
        el('p', {}, linked(shown)),
        el('button', { onclick: () => requests.hideHelp() }, w.helpClose),
      ),
    );
  };
  const end = requests.changed.listen(draw);
  return { node, leave: end };
}

/** In such a moment a number can be called, and a page opened, with one touch. */
function linked(text) {
  return text.split(/(\b(?:112|911)\b|\b[a-z0-9-]+\.(?:com|org)\b)/).map((part, index) => {
    if (index % 2 === 0) return part;
    if (/^\d+$/.test(part)) return el('a', { href: `tel:${part}` }, part);
    return el('a', { href: `https://${part}`, target: '_blank', rel: 'noopener noreferrer' }, part);
  });
}
