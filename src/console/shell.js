/** What stays while views change: areas, the list of conversations, and how the connection is. */

import { bell } from './bell.js';
import { el, fill } from './element.js';
import { helpRegion } from './help.js';
import { offerRegion } from './offers.js';
import { talkList } from './talks.js';
import { words } from './words.en.js';

const w = words.shell;
/** Shorter breaks are not worth a word. */
const OFFLINE_AFTER_MS = 1_500;

export class Shell {
  #home;
  #banner = el('div', { class: 'banner', role: 'status' });
  #main = el('main', { id: 'content', tabindex: '-1' });
  #me = el('a', { class: 'me', href: '#/account' });
  #said = el('div', { class: 'said', role: 'status' });
  #areas = el('nav', { class: 'areas', 'aria-label': w.areas });
  #list;
  #bell;
  #offers;
  #help;
  #timer;
  #hash = '';
  #shown = false;

  constructor(home) {
    this.#home = home;
    this.#list = talkList(home);
    this.renamed();
    this.#bell = bell(home);
    this.#offers = home.coaching ? offerRegion(home) : null;
    this.#help = helpRegion(home);
    home.coaching?.changed.listen(() => this.#drawAreas());
    for (const { changed } of [home.requests, home.training]) {
      changed.listen(() => this.#drawAreas());
    }
    home.client.on('account.changed', ({ data }) => {
      home.me.status = data.status;
      this.#drawAreas();
    });
    home.client.on('state', (state) => this.#connection(state));
    this.node = el(
      'div',
      { class: 'shell' },
      el('a', { class: 'skip', href: '#content', onclick: (event) => this.#skip(event) }, w.skip),
      el(
        'header',
        { class: 'side' },
        el(
          'div',
          { class: 'row' },
          el('a', { class: 'brand', href: '#/' }, words.name),
          this.#me,
          this.#bell.node,
        ),
        this.#areas,
        this.#list.node,
        el('button', { class: 'link logout', onclick: home.logout }, w.logout),
      ),
      el('div', { class: 'content' }, this.#banner, this.#help.node, this.#said, this.#main),
      this.#offers?.node ?? null,
    );
  }

  show(view, hash) {
    if (this.#shown) fill(this.#said);
    this.#hash = hash;
    this.node.dataset.place = hash === '' ? 'home' : 'inside';
    document.title = view.title === words.name ? words.name : `${view.title} · ${words.name}`;
    const back = hash && el('a', { class: 'back', href: '#/' }, `← ${w.back}`);
    fill(this.#main, back, view.node);
    // The focus follows the person, but not into the first page they see.
    if (this.#shown) (view.focus ?? this.#main).focus({ preventScroll: true });
    this.#shown = true;
    view.shown?.();
    this.#list.current(hash);
    this.#drawAreas();
  }

  renamed() {
    const { name } = this.#home.me;
    fill(this.#me, name);
    this.#me.setAttribute('aria-label', w.account(name));
  }

  /** A line that goes with the next page. */
  say(text) {
    fill(this.#said, el('p', { class: 'notice' }, text));
  }

  leave() {
    clearTimeout(this.#timer);
    this.#list.leave();
    this.#bell.leave();
    this.#offers?.leave();
    this.#help.leave();
  }

  /** It could go on, if the person wishes so. */
  resting(why) {
    const here = () => {
      fill(this.#banner);
      this.#home.client.connect();
    };
    fill(this.#banner, el('p', {}, why), el('button', { onclick: here }, w.here));
  }

  stopped() {
    const reload = () => location.reload();
    fill(this.#banner, el('p', {}, w.stopped), el('button', { onclick: reload }, w.reload));
  }

  #connection(state) {
    if (state === 'open') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      fill(this.#banner);
    } else if (state === 'waiting') {
      this.#timer ??= setTimeout(
        () => fill(this.#banner, el('p', {}, w.offline)),
        OFFLINE_AFTER_MS,
      );
    }
  }

  /** By hand, since the address is the router's. */
  #skip(event) {
    event.preventDefault();
    this.#main.focus();
  }

  #drawAreas() {
    const { coaching, me, requests, training } = this.#home;
    const support = () => {
      if (!requests.request) return w.support;
      return requests.isWaiting ? w.supportWaiting : w.supportActive;
    };
    const areas = [
      [me.status === 'pending_verification', '#/account', w.verify, 'warm'],
      [coaching !== null, '#/desk', w.desk],
      // A nudge is worth a line on every page.
      ...[...(coaching?.nudges ?? [])].map(([id, { request }]) => [
        true,
        `#/talk/${id}`,
        words.desk.nudged(request.member.name),
        'warm',
      ]),
      [true, '#/support', support()],
      [true, '#/groups', w.groups],
      [training.groups.length > 0, '#/exchange', w.exchange],
      [true, '#/people', w.people],
    ].filter(([isShown]) => isShown);
    // A desk changes many times a minute; a link that has the focus keeps it.
    const key = JSON.stringify([this.#hash, areas]);
    if (this.#areas.dataset.key === key) return;
    this.#areas.dataset.key = key;
    const link = ([, href, label, kind]) =>
      el('a', { href, class: kind, 'aria-current': this.#hash === href ? 'page' : null }, label);
    fill(this.#areas, ...areas.map(link));
  }
}
