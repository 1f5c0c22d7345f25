/** One person: what they show, what they are to one, and what one can do about it. */

import { initials } from './directory.js';
import { ask, el, fill } from './element.js';
import { told, words } from './words.en.js';

const w = words.person;

export function personView(home, userId) {
  const { client, me, people, conversations } = home;
  const problem = el('p', { class: 'problem', role: 'alert' });
  const head = el('header', { class: 'person-head' });
  const body = el('div', {});
  const state = el('div', { class: 'relation', role: 'status' });
  const actions = el('div', { class: 'row wrap', role: 'group', 'aria-label': w.actions });
  let profile = null;
  let relation = null;

  const show = (error) => {
    problem.textContent = error.code === 'not_found' ? w.gone : told(error);
  };

  async function load() {
    const answer = await client.call('profile.get', { user_id: userId }, { retry: true });
    ({ profile } = answer);
    relation = answer.relation ?? null;
    people.meet([profile]);
    draw();
  }

  function draw() {
    view.title = profile.name;
    document.title = `${profile.name} · ${words.name}`;
    const roles = profile.roles.filter((role) => role !== 'member');
    fill(
      head,
      initials(profile.name),
      el(
        'div',
        {},
        el('h1', {}, profile.name),
        el(
          'p',
          { class: 'presence' },
          profile.username ? el('span', {}, `@${profile.username}`) : null,
          roles.map((role) => el('span', { class: 'tag' }, w.roles[role] ?? role)),
          people.presence(profile.id),
        ),
      ),
    );
    fill(
      body,
      profile.id === me.id ? el('p', { class: 'hint' }, w.you) : null,
      profile.bio ? el('p', { class: 'text bio' }, profile.bio) : null,
      chips(w.interests, profile.interests),
      chips(w.expertise, profile.expertise),
    );
    if (profile.id === me.id) {
      fill(actions, el('a', { class: 'button', href: '#/account' }, w.edit));
    } else drawRelation();
  }

  const chips = (title, list) =>
    list?.length > 0
      ? el(
          'section',
          {},
          el('h2', {}, title),
          el(
            'ul',
            { class: 'chips' },
            list.map((one) => el('li', {}, one)),
          ),
        )
      : null;

  function drawRelation() {
    const { follows, followed_by, friendship, blocked, muted } = relation ?? {};
    const { name } = profile;
    const lines = blocked
      ? [w.is.blocked]
      : [
          { incoming: w.is.incoming(name), outgoing: w.is.outgoing(name), friends: w.is.friends }[
            friendship
          ],
          { following: w.is.following, requested: w.is.requested }[follows],
          { following: w.is.follower(name), requested: w.is.wants(name) }[followed_by],
          muted ? w.is.muted : null,
        ];
    fill(state, ...lines.filter(Boolean).map((line) => el('p', {}, line)));
    const focused = actions.contains(document.activeElement);
    if (blocked) fill(actions, button(w.unblock, 'block.remove'));
    else {
      fill(
        actions,
        el('button', { class: 'primary', onclick: write }, w.write),
        home.training.groups.length > 0
          ? el('a', { class: 'button', href: `#/propose/${userId}` }, w.propose)
          : null,
        ...friendButtons(friendship, name),
        ...followButtons(follows, followed_by),
        muted ? button(w.unmute, 'mute.remove') : button(w.mute, 'mute.add'),
        button(w.block, 'block.add', {
          question: w.blockAsk(name),
          yes: w.blockYes,
          no: w.keep,
        }),
      );
    }
    // What was pressed may be gone.
    if (focused && !actions.contains(document.activeElement)) actions.firstElementChild.focus();
  }

  const friendButtons = (friendship, name) =>
    ({
      none: () => [button(w.friend.none, 'friend.request')],
      incoming: () => [
        button(w.friend.incoming, 'friend.accept'),
        button(w.declineFriend, 'friend.decline'),
      ],
      outgoing: () => [button(w.friend.outgoing, 'friend.cancel')],
      friends: () => [
        button(w.friend.friends, 'friend.remove', {
          question: w.removeAsk(name),
          yes: w.removeYes,
          no: w.keep,
        }),
      ],
    })[friendship ?? 'none']();

  const followButtons = (follows, followedBy) => [
    follows === 'following'
      ? button(w.unfollow, 'follow.remove')
      : follows === 'requested'
        ? button(w.cancelFollow, 'follow.remove')
        : button(w.follow, 'follow.add'),
    followedBy === 'requested' ? button(w.letFollow, 'follow.approve') : null,
    followedBy === 'requested' || followedBy === 'following'
      ? button(w.rejectFollow, 'follow.reject')
      : null,
  ];

  function button(label, method, question) {
    const onclick = async (event) => {
      problem.textContent = '';
      if (question && (await ask(question)) === null) return;
      event.target.disabled = true;
      try {
        const answer = await client.call(method, { user_id: userId }, { retry: true });
        relation = answer.relation;
        conversations.load();
        drawRelation();
      } catch (error) {
        event.target.disabled = false;
        show(error);
      }
    };
    return el('button', { onclick }, label);
  }

  async function write() {
    problem.textContent = '';
    try {
      const { id } = await conversations.openWith(userId);
      home.go(`#/talk/${id}`);
    } catch (error) {
      show(error);
    }
  }

  const changes = ['friend.requested', 'friend.accepted', 'follow.requested', 'follow.added'];
  const ends = changes.map((name) => client.on(name, () => load().catch(show)));
  const view = {
    node: el('section', { class: 'page' }, head, problem, state, actions, body),
    title: words.people.title,
    leave() {
      for (const end of ends) end();
    },
  };
  load().catch(show);
  return view;
}
