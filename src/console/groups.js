/** Groups, and the wall of one of them. */

import { uuid } from '/sanctuary.js';
import { ask, el, field, fill, form } from './element.js';
import { ago } from './times.js';
import { sorry, words } from './words.en.js';

const w = words.groups;
const PAGE = 30;

export function groupsView(home) {
  const { client } = home;
  const problem = el('p', { class: 'notice', role: 'alert' });
  const mine = el('div', {});
  const others = el('div', {});

  async function load() {
    const [joined, all] = await Promise.all([
      client.call('group.list', { mine: true, limit: 100 }, { retry: true }),
      client.call('group.list', { limit: 100 }, { retry: true }),
    ]);
    const own = new Set(joined.items.map(({ id }) => id));
    const rest = all.items.filter(({ id }) => !own.has(id));
    fill(mine, list(joined.items, w.noneMine, mineRow));
    fill(others, list(rest, w.noneOthers, otherRow));
  }

  const list = (items, none, row) =>
    items.length > 0
      ? el('ul', { class: 'plain' }, items.map(row))
      : el('p', { class: 'hint' }, none);

  const mineRow = ({ id, name, description }) =>
    el(
      'li',
      { class: 'card small' },
      el('p', { class: 'subject' }, el('a', { href: `#/group/${id}` }, name)),
      description ? el('p', { class: 'hint' }, description) : null,
    );

  function otherRow({ id, name, description }) {
    const join = async ({ target }) => {
      target.disabled = true;
      try {
        await client.call('group.join', { group_id: id }, { retry: true });
        home.go(`#/group/${id}`);
      } catch (error) {
        target.disabled = false;
        problem.textContent = sorry(error);
      }
    };
    return el(
      'li',
      { class: 'card small row' },
      el(
        'div',
        {},
        el('p', { class: 'subject' }, name),
        description ? el('p', { class: 'hint' }, description) : null,
      ),
      el('button', { 'aria-label': w.joinOf(name), onclick: join }, w.join),
    );
  }

  const name = el('input', { maxlength: 80, required: true, autocomplete: 'off' });
  const description = el('textarea', { rows: 2, maxlength: 2_000 });
  const training = el('input', { type: 'checkbox', id: 'group-training' });
  // Kept until it worked, so that a second try makes no second group.
  let clientId = uuid();
  const create = form({
    fields: [
      field(w.name, name),
      field(w.description, description),
      el('div', { class: 'check' }, training, el('label', { for: 'group-training' }, w.isTraining)),
    ],
    submit: w.make,
    async onsubmit() {
      const { group } = await client.call('group.create', {
        client_id: clientId,
        name: name.value.trim(),
        description: description.value.trim() || undefined,
        kind: training.checked ? 'training' : undefined,
      });
      clientId = uuid();
      home.go(`#/group/${group.id}`);
    },
    sorry,
  });

  load().catch((error) => {
    problem.textContent = sorry(error);
  });
  return {
    node: el(
      'section',
      { class: 'page' },
      el('h1', {}, w.title),
      el('p', { class: 'lead' }, w.lead),
      problem,
      el('h2', {}, w.mine),
      mine,
      el('h2', {}, w.others),
      others,
      el('details', { class: 'card' }, el('summary', {}, w.create), create),
    ),
    title: w.title,
  };
}

export function groupView(home, groupId) {
  const { client, people } = home;
  const topic = `group:${groupId}`;
  const head = el('header', {});
  const problem = el('p', { class: 'notice', role: 'alert' });
  const writing = el('div', {});
  const list = el('ol', { class: 'plain posts', 'aria-label': w.posts, 'aria-live': 'polite' });
  const more = el(
    'button',
    { class: 'link', hidden: true, onclick: () => earlier().catch(show) },
    w.more,
  );
  /** By seq: the list and the live events overlap. */
  const posts = new Map();
  let next;
  let left = false;

  const show = (error) => {
    problem.textContent = error.code === 'not_found' ? w.gone : sorry(error);
  };

  async function load() {
    const { group } = await client.call('group.get', { group_id: groupId }, { retry: true });
    if (left) return;
    drawHead(group);
    if (group.role) {
      // Before the list: nothing can fall between the two.
      await client.subscribe(topic);
      drawComposer();
    }
    await earlier();
  }

  async function earlier() {
    const params = { group_id: groupId, limit: PAGE, ...(next ? { after: next } : {}) };
    const page = await client.call('post.list', params, { retry: true });
    for (const post of page.items) {
      people.meet([post.author]);
      posts.set(post.seq, { seq: post.seq, author: post.author.id, text: post.text, at: post.at });
    }
    next = page.next;
    more.hidden = !next;
    draw();
  }

  function draw() {
    const sorted = [...posts.values()].sort((a, b) => b.seq - a.seq);
    fill(list, ...(sorted.length > 0 ? sorted.map(row) : [el('li', { class: 'hint' }, w.none)]));
  }

  const row = ({ author, text, at }) =>
    el(
      'li',
      { class: 'card post' },
      el(
        'p',
        { class: 'hint' },
        el('a', { class: 'author-link', href: `#/person/${author}` }, people.name(author)),
        ' · ',
        el('time', { datetime: new Date(at).toISOString() }, ago(at)),
      ),
      el('p', { class: 'text' }, text),
    );

  function drawHead({ name, description, role }) {
    view.title = name;
    document.title = `${name} · ${words.name}`;
    const leave = async () => {
      if ((await ask({ question: w.leaveAsk, yes: w.leaveYes, no: w.leaveNo })) === null) return;
      await client.call('group.leave', { group_id: groupId }).then(() => home.go('#/groups'), show);
    };
    const join = () =>
      client.call('group.join', { group_id: groupId }, { retry: true }).then(() => load(), show);
    fill(
      head,
      el('h1', {}, name),
      description ? el('p', { class: 'lead' }, description) : null,
      role ? null : el('button', { class: 'primary', onclick: join }, w.join),
      // The one who made it stays, so that it is never without anybody.
      role && role !== 'owner' ? el('button', { class: 'link', onclick: leave }, w.leave) : null,
    );
  }

  function drawComposer() {
    const text = el('textarea', { rows: 3, maxlength: 8_000 });
    let clientId = uuid();
    const write = form({
      fields: [field(w.write, text)],
      submit: w.publish,
      async onsubmit() {
        if (!text.value.trim()) return;
        await client.call('post.create', {
          group_id: groupId,
          client_id: clientId,
          text: text.value.trim(),
        });
        clientId = uuid();
        text.value = '';
      },
      sorry,
    });
    fill(writing, el('div', { class: 'card' }, write));
  }

  const ends = [
    client.on('post.created', (event) => {
      if (event.topic !== topic || event.data.deleted) return;
      posts.set(event.seq, {
        seq: event.seq,
        author: event.data.author_id,
        text: event.data.text,
        at: event.at,
      });
      draw();
    }),
    client.on('post.edited', (event) => {
      const post = event.topic === topic && posts.get(event.data.post_seq);
      if (!post) return;
      post.text = event.data.text;
      draw();
    }),
    client.on('post.deleted', (event) => {
      if (event.topic === topic && posts.delete(event.data.post_seq)) draw();
    }),
    people.changed.listen(draw),
    () => client.unsubscribe(topic),
  ];
  const view = {
    node: el('section', { class: 'page' }, head, problem, writing, list, more),
    title: w.title,
    leave() {
      left = true;
      for (const end of ends) end();
    },
  };
  load().catch(show);
  return view;
}
