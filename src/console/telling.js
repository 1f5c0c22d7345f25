/** How one is told: this device, quiet hours, a digest by mail, and each kind of notice. */

import { el, field, fill } from './element.js';
import { pushOff, pushOn, pushState } from './push.js';
import { told, words } from './words.en.js';

const w = words.telling;
const CHANNELS = ['app', 'push', 'email'];
const QUIET_FROM_MIN = 22 * 60;
const QUIET_UNTIL_MIN = 7 * 60;

const toClock = (minute) =>
  [Math.floor(minute / 60), minute % 60].map((part) => String(part).padStart(2, '0')).join(':');

const toMinute = (clock) => {
  const [hours, minutes] = clock.split(':').map(Number);
  return hours * 60 + minutes;
};

const zoneHere = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

export function tellingView({ client }) {
  const problem = el('p', { class: 'problem', role: 'alert' });
  const said = el('p', { class: 'hint', role: 'status' });
  const body = el('div', {});
  let settings = null;

  const show = (error) => {
    said.textContent = '';
    problem.textContent = told(error);
  };

  async function set(choice) {
    problem.textContent = '';
    said.textContent = '';
    const answer = await client.call('notification.settings.set', choice, { retry: true });
    ({ settings } = answer);
    said.textContent = w.kept;
  }

  function draw() {
    fill(body, quietCard(), digestCard(), kindsCard());
  }

  function quietCard() {
    const { quiet, zone } = settings;
    const times = el('div', { class: 'fields', hidden: !quiet.on });
    const from = el('input', { type: 'time', required: true });
    const until = el('input', { type: 'time', required: true });
    const place = el('input', { list: 'zones', autocomplete: 'off', spellcheck: 'false' });
    const isFresh = !quiet.on && quiet.from_min === quiet.until_min;
    from.value = toClock(isFresh ? QUIET_FROM_MIN : quiet.from_min);
    until.value = toClock(isFresh ? QUIET_UNTIL_MIN : quiet.until_min);
    place.value = zone ?? zoneHere();
    const keep = () => {
      if (!from.value || !until.value) return;
      const choice = {
        on: on.checked,
        from_min: toMinute(from.value),
        until_min: toMinute(until.value),
      };
      set({ quiet: choice, zone: place.value.trim() || zoneHere() }).catch(show);
    };
    const on = el('input', {
      type: 'checkbox',
      id: 'quiet-on',
      'aria-describedby': 'quiet-hint',
      checked: quiet.on,
      onchange() {
        times.hidden = !on.checked;
        keep();
      },
    });
    for (const input of [from, until, place]) input.addEventListener('change', keep);
    const zones = Intl.supportedValuesOf?.('timeZone') ?? [];
    fill(
      times,
      field(w.from, from),
      field(w.until, until),
      field(w.zone, place, w.zoneHere(zoneHere())),
      el(
        'datalist',
        { id: 'zones' },
        zones.map((value) => el('option', { value })),
      ),
    );
    return el(
      'section',
      { class: 'card stretch' },
      el('h2', {}, w.quiet),
      el(
        'div',
        { class: 'check' },
        on,
        el('label', { for: 'quiet-on' }, w.quietOn),
        el('p', { class: 'hint', id: 'quiet-hint' }, w.quietHint),
      ),
      times,
    );
  }

  function digestCard() {
    const digest = el(
      'select',
      { onchange: ({ target }) => set({ digest: target.value }).catch(show) },
      Object.entries(w.digests).map(([value, label]) => el('option', { value }, label)),
    );
    digest.value = settings.digest;
    return el('section', { class: 'card stretch' }, field(w.digest, digest));
  }

  /** Without "here", nothing of a kind comes at all: the other two follow it. */
  function kindsCard() {
    const row = (choice) => {
      const name = w.kind[choice.kind] ?? choice.kind;
      const boxes = CHANNELS.map((channel) =>
        el('input', {
          type: 'checkbox',
          'aria-label': w.choice(name, w.channels[channel]),
          checked: choice[channel],
          disabled: channel !== 'app' && !choice.app,
          onchange() {
            const [app, push, email] = boxes.map(({ checked }) => checked);
            for (const box of boxes.slice(1)) box.disabled = !app;
            set({ kinds: [{ kind: choice.kind, app, push, email }] }).catch(show);
          },
        }),
      );
      return el(
        'tr',
        {},
        el('th', { scope: 'row' }, name),
        boxes.map((box) => el('td', {}, box)),
      );
    };
    return el(
      'section',
      { class: 'card stretch' },
      el('h2', {}, w.kinds),
      el(
        'table',
        { class: 'kinds' },
        el(
          'thead',
          {},
          el(
            'tr',
            {},
            el('td', {}),
            CHANNELS.map((channel) => el('th', { scope: 'col' }, w.channels[channel])),
          ),
        ),
        el('tbody', {}, settings.kinds.map(row)),
      ),
    );
  }

  client.call('notification.settings.get', {}, { retry: true }).then((answer) => {
    ({ settings } = answer);
    draw();
  }, show);
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      problem,
      said,
      deviceCard(client),
      body,
    ),
    title: w.title,
  };
}

function deviceCard(client) {
  const state = el('p', { class: 'hint', role: 'status' });
  const button = el('button', {});
  const says = { on: w.isOn, off: w.isOff, denied: w.denied, cannot: w.cannot };
  let now = 'off';
  const draw = () => {
    state.textContent = says[now];
    button.hidden = now === 'denied' || now === 'cannot';
    button.textContent = now === 'on' ? w.deviceOff : w.deviceOn;
  };
  button.addEventListener('click', async () => {
    button.disabled = true;
    try {
      now = await (now === 'on' ? pushOff : pushOn)(client);
      draw();
    } catch (error) {
      state.textContent = error.code ? told(error) : w.failed;
    } finally {
      button.disabled = false;
    }
  });
  pushState().then((value) => {
    now = value;
    draw();
  });
  draw();
  return el(
    'section',
    { class: 'card' },
    el('h2', {}, w.device),
    el('p', {}, w.deviceLead),
    button,
    state,
  );
}
