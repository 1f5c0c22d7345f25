/** What is offered to a coach, on whatever page they are: who, what about, and how long is left. */

import { el, fill } from './element.js';
import { told, words } from './words.en.js';

const w = words.desk.offers;
const TICK_MS = 1_000;

export function offerRegion(home) {
  const { coaching, me } = home;
  const cards = new Map();
  const list = el('div', { class: 'offer-list' });
  // Read out once as it comes, and not again with each second.
  const spoken = el('p', { class: 'hidden', role: 'status' });
  const note = el('p', { class: 'notice', role: 'status' });
  const node = el(
    'section',
    { class: 'offers', 'aria-label': w.region, hidden: true },
    spoken,
    note,
    list,
  );
  let noteTimer;

  function say(text) {
    clearTimeout(noteTimer);
    note.textContent = text;
    node.hidden = false;
    noteTimer = setTimeout(() => {
      note.textContent = '';
      draw();
    }, 6_000);
  }

  function draw() {
    for (const [id, card] of cards) {
      if (coaching.offers.has(id)) continue;
      card.node.remove();
      cards.delete(id);
    }
    for (const request of coaching.offers.values()) {
      if (cards.has(request.id)) continue;
      const card = offerCard(request);
      cards.set(request.id, card);
      note.textContent = '';
      list.append(card.node);
      spoken.textContent = w.said(request.member.name, card.left());
    }
    node.hidden = cards.size === 0 && note.textContent === '';
  }

  function offerCard(request) {
    const isHandOver = request.state === 'transferring';
    const total = Math.max(1, request.offered_until - home.now());
    const bar = el('progress', { max: total, value: total, 'aria-hidden': 'true' });
    const left = el('span', { class: 'hint' });
    const buttons = el('div', { class: 'row' });
    const declined = isHandOver
      ? words.desk.hand.declined(request.coach?.name ?? words.talk.someone)
      : w.declined;
    const answer = (how, after) => async () => {
      for (const button of buttons.children) button.disabled = true;
      try {
        await coaching[how](request);
        if (after) say(after);
      } catch (error) {
        say(error.code === 'conflict' || error.code === 'not_found' ? w.gone : told(error));
      }
    };
    fill(
      buttons,
      el('button', { class: 'primary', onclick: answer('accept') }, w.accept),
      el('button', { onclick: answer('decline', declined) }, w.decline),
    );
    const seconds = () => Math.max(0, Math.round((request.offered_until - home.now()) / 1_000));
    const tick = () => {
      const rest = request.offered_until - home.now();
      bar.value = Math.max(0, rest);
      left.textContent = w.left(seconds());
      if (rest <= 0) coaching.forget(request.id);
    };
    tick();
    const waited = home.now() - request.created_at;
    const title = isHandOver
      ? w.handTitle(request.coach?.name ?? words.talk.someone, request.member.name)
      : w.title(request.member.name);
    return {
      left: seconds,
      tick,
      node: el(
        'article',
        { class: 'card offer', 'data-request': request.id },
        el('h2', {}, title),
        el('p', { class: 'place' }, request.subject),
        el(
          'p',
          { class: 'hint' },
          [
            isHandOver ? w.since(waited) : w.waited(waited),
            request.expertise ? words.desk.knows(request.expertise) : null,
          ]
            .filter(Boolean)
            .join(' · '),
        ),
        el('div', { class: 'countdown' }, bar, left),
        buttons,
      ),
    };
  }

  const timer = setInterval(() => {
    for (const { tick } of [...cards.values()]) tick();
  }, TICK_MS);
  const ends = [
    coaching.changed.listen(draw),
    coaching.news.listen(({ what, request, data }) => {
      if (what === 'rated') say(w.rated(data.rating.stars, data.rating.text));
      if (what !== 'transferred') return;
      const { hand } = words.desk;
      if (data.returned && request.coach?.id === me.id) say(hand.returned);
      else if (!data.returned && request.coach && request.coach.id !== me.id) {
        say(hand.done(request.coach.name));
      }
    }),
  ];
  draw();
  return {
    node,
    say,
    leave() {
      clearInterval(timer);
      clearTimeout(noteTimer);
      for (const end of ends) end();
    },
  };
}
