/** Where one is logged in. */

import { ask, el, fill } from './element.js';
import { ago } from './times.js';
import { told, words } from './words.en.js';

const w = words.account;
const BROWSERS = [
  [/Edg/, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\//, 'Firefox'],
  [/Chrome\//, 'Chrome'],
  [/Safari\//, 'Safari'],
];
const SYSTEMS = [
  [/iPhone|iPad/, 'iOS'],
  [/Android/, 'Android'],
  [/Windows/, 'Windows'],
  [/Mac OS/, 'macOS'],
  [/Linux|X11/, 'Linux'],
];

/** What a device calls itself, as a person would. */
export function deviceName(name) {
  const of = (list) => list.find(([pattern]) => pattern.test(name))?.[1];
  const [browser, system] = [of(BROWSERS), of(SYSTEMS)];
  if (browser && system) return w.on(browser, system);
  return name.slice(0, 60) || w.unknownDevice;
}

export function devicesCard(home) {
  const { account } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const list = el('ul', { class: 'plain devices' });
  const show = (error) => {
    problem.textContent = told(error);
  };

  async function load() {
    const { items } = await account.get('/v1/auth/devices');
    fill(list, ...items.map(row));
  }

  function row({ id, name, current, last_used_at }) {
    const end = ({ target }) => {
      target.disabled = true;
      account.remove(`/v1/auth/devices/${id}`).then(load).catch(show);
    };
    const label = deviceName(name);
    return el(
      'li',
      { class: 'row spread' },
      el(
        'span',
        {},
        label,
        ' ',
        el('span', { class: 'hint' }, current ? w.thisOne : w.lastUsed(ago(last_used_at))),
      ),
      current
        ? null
        : el('button', { class: 'link', 'aria-label': w.endOf(label), onclick: end }, w.end),
    );
  }

  async function endAll() {
    const question = { question: w.endAllAsk, yes: w.endAllYes, no: w.keep };
    if ((await ask(question)) === null) return;
    await account.post('/v1/auth/logout-all', {}).then(() => home.logout(), show);
  }

  load().catch(show);
  return el(
    'details',
    { class: 'card' },
    el('summary', {}, w.devices),
    list,
    problem,
    el('div', {}, el('button', { onclick: endAll }, w.endAll)),
  );
}
