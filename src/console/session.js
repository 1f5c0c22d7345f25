/**
 * What a support conversation has beyond other conversations: who answers and for how long, what
 * the desk says about it, how it ends, and what can be done afterwards.
 */

import { coachAside } from './aside.js';
import { el, fill } from './element.js';
import { askForSummary, chooseColleague } from './handover.js';
import { ratingCard } from './rating.js';
import { canReopen, REOPEN_MS } from './requests.js';
import { dayAndTime, timeOf } from './times.js';
import { told, words } from './words.en.js';

const s = words.support;
const d = words.desk;

export class SupportSession {
  #home;
  #conversation;
  #sorry;
  #ended = null;
  #looking = false;
  #aside = null;
  #said = '';
  #shownFor = '';
  #stop = [];

  /** Buttons in the conversation's head. */
  actions = el('div', { class: 'row actions-row' });
  /** What the desk says, above where one writes. */
  notices = el('div', { class: 'notices' });
  /** After the end: closing words, how it was, opening it again. */
  after = el('div', { class: 'after' });
  /** Beside the messages, for the coach. */
  beside = el('div', { class: 'beside-place', hidden: true });

  /** `say` writes a word of one's own into the conversation, `sorry` shows what went wrong. */
  constructor(home, conversation, { say, sorry }) {
    this.#home = home;
    this.#conversation = conversation;
    this.#sorry = sorry;
    this.say = say;
    const draw = () => this.draw();
    this.#stop = [
      home.requests.changed.listen(draw),
      home.requests.news.listen((news) => this.#happened(news)),
    ];
    if (home.coaching) this.#stop.push(home.coaching.changed.listen(draw));
    // Who took over is news until they say something themselves.
    const spoken = ({ topic, data }) => {
      if (topic !== `conversation:${conversation().id}` || data.sender_id === home.me.id) return;
      this.#said = '';
      draw();
    };
    this.#stop.push(home.client.on('message.created', spoken));
    this.draw();
  }

  leave() {
    for (const stop of this.#stop) stop();
  }

  get #requestId() {
    return this.#conversation().subject_id;
  }

  get #isMember() {
    const { requests, coaching, isCoach } = this.#home;
    if (!isCoach) return true;
    if (requests.request?.id === this.#requestId) return true;
    if (this.#ended) return this.#ended.member.id === this.#home.me.id;
    return !coaching.known.has(this.#requestId) && this.#looking;
  }

  /** The request as far as it is known here. */
  get #request() {
    const { requests, coaching } = this.#home;
    if (requests.request?.id === this.#requestId) return requests.request;
    return coaching?.known.get(this.#requestId) ?? this.#ended;
  }

  draw() {
    const { closed, left } = this.#conversation();
    const request = this.#request;
    const isMember = this.#isMember;
    this.#drawActions(closed || left, request, isMember);
    this.#drawNotices(closed, request, isMember);
    if (closed) this.#drawAfter();
    else this.#reset();
  }

  #reset() {
    this.#ended = null;
    this.#looking = false;
    fill(this.after);
  }

  #drawActions(closed, request, isMember) {
    const { client, me } = this.#home;
    const offline = client.state !== 'open';
    const isMine = request?.coach?.id === me.id;
    const handing = request?.state === 'transferring';
    const key = [closed, isMember, isMine, handing, offline, this.beside.hidden].join();
    if (this.#shownFor === key) return;
    this.#shownFor = key;
    const notes = () => this.#toggle();
    fill(
      this.actions,
      !isMember
        ? el(
            'button',
            {
              onclick: notes,
              'aria-label': d.aside.toggle,
              'aria-expanded': String(!this.beside.hidden),
            },
            d.aside.toggleShort,
          )
        : null,
      !closed && isMine && !handing
        ? el('button', { onclick: () => this.#handOver(), disabled: offline }, d.hand.button)
        : null,
      closed
        ? null
        : el(
            'button',
            { onclick: () => this.#end(), disabled: offline, 'aria-label': s.end },
            isMember ? s.end : s.endShort,
          ),
    );
  }

  #drawNotices(closed, request, isMember) {
    const { requests, coaching } = this.#home;
    const lines = [];
    const coach = request?.coach?.name;
    if (!closed && isMember && requests.request?.id === this.#requestId) {
      if (requests.graceUntil) lines.push(s.coachAway(coach));
      if (request.state === 'transferring') lines.push(s.moving(request.offered_to?.name));
      if (requests.isWaiting) lines.push(s.requeuedOther);
    }
    if (!closed && !isMember && request?.state === 'transferring') {
      const isMine = request.coach?.id === this.#home.me.id;
      if (isMine) lines.push(d.hand.asked(request.offered_to?.name));
    }
    const nudge = closed ? null : coaching?.nudges.get(this.#conversation().id);
    if (nudge) lines.push(d.nudge(nudge.request.member.name, timeOf(nudge.until)));
    if (this.#said) lines.push(this.#said);
    const warned = !closed && isMember && requests.warnedUntil;
    const key = JSON.stringify([lines, warned]);
    if (this.notices.dataset.key === key) return;
    this.notices.dataset.key = key;
    const here = () => this.say(s.stillHereWords);
    fill(
      this.notices,
      ...lines.map((line) => el('p', { class: 'notice', role: 'status' }, line)),
      warned
        ? el(
            'div',
            { class: 'notice row spread', role: 'status' },
            el('p', {}, s.warned(timeOf(warned))),
            el('button', { onclick: here }, s.stillHere),
          )
        : null,
    );
  }

  #happened({ what, request, data }) {
    if (request.id !== this.#requestId) return;
    if (what === 'transferred') {
      const { me } = this.#home;
      const name = request.coach?.name;
      if (request.member.id === me.id) this.#said = data.returned ? '' : s.moved(name);
      else if (data.returned) this.#said = d.hand.returned;
      else this.#said = request.coach?.id === me.id ? '' : d.hand.taken(name);
    } else if (what !== 'warned') {
      this.#said = '';
    }
    // The end is in the history by now, if it was not a moment ago.
    if (!this.#ended) this.#looking = false;
    this.draw();
  }

  /** How it ended stands in the history. */
  async #drawAfter() {
    if (this.#looking) return;
    this.#looking = true;
    const { client, me } = this.#home;
    try {
      const { items } = await client.call('support.history', { limit: 100 }, { retry: true });
      this.#ended = items.find(({ id }) => id === this.#requestId) ?? null;
    } catch {
      return;
    }
    const request = this.#ended;
    if (!request || !this.#conversation().closed) return;
    const isMember = request.member.id === me.id;
    fill(
      this.after,
      request.summary
        ? el(
            'section',
            {},
            el('h2', {}, s.summaryTitle),
            el('p', { class: 'summary' }, request.summary),
          )
        : null,
      isMember && request.coach ? ratingCard(this.#home, request) : null,
      isMember && canReopen(request, this.#home.now()) ? this.#reopening(request) : null,
    );
    this.after.parentElement.scrollTop = this.after.parentElement.scrollHeight;
    this.draw();
  }

  #reopening(request) {
    const { requests, go } = this.#home;
    const reopen = ({ target }) => {
      target.disabled = true;
      requests.reopen(request.id).then(
        () => go('#/support'),
        (error) => {
          target.disabled = false;
          this.#sorry(told(error));
        },
      );
    };
    return el(
      'p',
      { class: 'row wrap' },
      el('button', { onclick: reopen }, s.reopen),
      el('span', { class: 'hint' }, s.reopenHint(dayAndTime(request.ended_at + REOPEN_MS))),
    );
  }

  #toggle() {
    const open = this.beside.hidden;
    this.beside.hidden = !open;
    if (open && !this.#aside) {
      const { me } = this.#home;
      const other = this.#conversation().members.find(({ id }) => id !== me.id);
      const request = this.#request ?? { id: this.#requestId, member: other };
      this.#aside = coachAside(this.#home, request, { onclose: () => this.#toggle() });
      fill(this.beside, this.#aside);
    }
    this.draw();
    if (open) this.beside.querySelector('textarea')?.focus();
    else this.actions.querySelector('button')?.focus();
  }

  async #handOver() {
    const request = this.#request;
    const choice = await chooseColleague(this.#home, {
      deskId: request.desk_id,
      memberName: request.member.name,
    });
    if (choice === null) return;
    this.#said = '';
    await this.#do('support.transfer', choice ? { coach_id: choice } : {});
  }

  async #end() {
    const summary = await askForSummary(!this.#isMember);
    if (summary === null) return;
    await this.#do('support.close', summary ? { summary } : {});
  }

  async #do(method, params) {
    this.#sorry('');
    try {
      const { client, coaching } = this.#home;
      const { request } = await client.call(method, { request_id: this.#requestId, ...params });
      coaching?.know(request);
      this.draw();
    } catch (error) {
      this.#sorry(told(error));
    }
  }
}
