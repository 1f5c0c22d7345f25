/** Starts the page: who is logged in, the connection, and which view the address asks for. */

import { Close, Sanctuary, uuid } from '/sanctuary.js';
import { Account, deviceId, isOver, outboxOf } from './account.js';
import { noticesView } from './bell.js';
import { Coaching } from './coaching.js';
import { Conversations } from './conversations.js';
import { deskView } from './desk.js';
import { Desks } from './desks.js';
import { peopleView } from './directory.js';
import { confirm, isMailLink, mailLink } from './doors.js';
import { fill } from './element.js';
import { exchangeView } from './exchange.js';
import { groupView, groupsView } from './groups.js';
import { historyView } from './history.js';
import { homeView } from './home.js';
import { inboxView } from './inbox.js';
import { hashOf, Notices } from './notices.js';
import { proposeView } from './offering.js';
import { People } from './people.js';
import { personView } from './person.js';
import { practiceView } from './practice.js';
import { privacyView } from './privacy.js';
import { forgetPush, onTouched } from './push.js';
import { Requests } from './requests.js';
import { accountView } from './self.js';
import { Shell } from './shell.js';
import { supportView } from './support.js';
import { talkView } from './talk.js';
import { tellingView } from './telling.js';
import { Training } from './training.js';
import { welcomeView } from './welcome.js';
import { words } from './words.en.js';

const ROUTES = [
  [/^#\/talk\/([0-9a-f-]{36})$/, talkView],
  [/^#\/support$/, supportView],
  [/^#\/history$/, historyView],
  [/^#\/desk$/, deskView],
  [/^#\/inbox$/, inboxView],
  [/^#\/people$/, peopleView],
  [/^#\/person\/([0-9a-f-]{36})$/, personView],
  [/^#\/privacy$/, privacyView],
  [/^#\/account$/, accountView],
  [/^#\/notices$/, noticesView],
  [/^#\/telling$/, tellingView],
  [/^#\/exchange$/, exchangeView],
  [/^#\/exchange\/([0-9a-f-]{36})$/, practiceView],
  [/^#\/propose\/([0-9a-f-]{36})$/, proposeView],
  [/^#\/groups$/, groupsView],
  [/^#\/group\/([0-9a-f-]{36})$/, groupView],
];

const page = document.getElementById('page');
const account = new Account();

function welcome(notice, reset) {
  document.title = words.name;
  fill(page, welcomeView(account, { notice, reset, onwelcome: () => enter() }));
}

/** Someone is logged in: one connection, what is known of the world, and the views on it. */
function enter(notice) {
  const me = account.user;
  const client = new Sanctuary({
    url: `${location.origin.replace(/^http/, 'ws')}/v1/socket`,
    deviceId: deviceId(uuid),
    client: 'console/1',
    token: (ask) => account.token(ask),
    outbox: outboxOf(me.id),
  });
  const people = new People(client);
  people.meet([me]);
  let ahead = 0;
  client.on('open', ({ server_at }) => {
    ahead = server_at - Date.now();
  });
  const home = {
    me,
    account,
    client,
    people,
    conversations: new Conversations(client, people, me.id),
    requests: new Requests(client, me.id),
    notices: new Notices(client),
    desks: new Desks(client),
    training: new Training(client, me),
    isCoach: me.roles.includes('coach'),
    /** The server's time, which deadlines are in. */
    now: () => Date.now() + ahead,
    /** One's own name is another one now. */
    renamed(now) {
      Object.assign(me, { name: now.name, username: now.username });
      people.meet([me]);
      shell.renamed();
    },
    go: (hash) => {
      location.hash = hash;
    },
    logout: () =>
      leave(() => {
        forgetPush().catch(() => {});
        account.logout();
      }, words.welcome.loggedOut),
  };
  home.coaching = home.isCoach ? new Coaching(home) : null;
  const shell = new Shell(home);
  const stop = new AbortController();
  let view = null;

  function show() {
    // A mail's link was opened in this window: it is followed as the page begins.
    if (isMailLink(location.hash)) return location.reload();
    // A push was touched while the page was closed.
    const [, link] = /^#\/go\/(.+)$/.exec(location.hash) ?? [];
    if (link) history.replaceState(null, '', hashOf(decodeURIComponent(link)));
    view?.leave?.();
    const route = ROUTES.find(([pattern]) => pattern.test(location.hash));
    const [pattern, open] = route ?? [/^/, homeView];
    view = open(home, pattern.exec(location.hash)?.[1]);
    return shell.show(view, route ? location.hash : '');
  }

  function leave(how, notice) {
    stop.abort();
    view?.leave?.();
    client.close();
    shell.leave();
    how();
    history.replaceState(null, '', '#/');
    welcome(notice);
  }

  const listen = (target, name, listener) =>
    target.addEventListener(name, listener, { signal: stop.signal });
  listen(window, 'hashchange', show);
  listen(window, 'online', () => client.wake());
  listen(document, 'visibilitychange', () => {
    client.background(document.hidden);
    if (!document.hidden) client.wake();
  });
  onTouched((link) => home.go(hashOf(link)), stop.signal);
  account.onLogout(() => {
    if (!stop.signal.aborted) leave(() => account.forget(), words.welcome.loggedOut);
  });
  client.on('ended', ({ code, error }) => {
    const { sessionOver, suspended } = words.welcome;
    if (code === Close.REPLACED) shell.resting(words.shell.elsewhere);
    else if (error?.code === 'full') shell.resting(words.shell.crowded);
    else if (code === Close.SUSPENDED) leave(() => account.forget(), suspended);
    else if (code === Close.REVOKED) leave(() => account.forgetAll(), sessionOver);
    else if (code === Close.BAD_TOKEN || isOver(error)) leave(() => account.forget(), sessionOver);
    else shell.stopped();
  });
  // A claim is what the person waits for: it opens wherever one is on the page, if one waits.
  home.requests.news.listen(({ what, request }) => {
    const waitsHere = location.hash === '#/support' || location.hash === '';
    if (what === 'claimed' && request.member.id === me.id && waitsHere) {
      home.go(`#/talk/${request.conversation_id}`);
    }
  });

  fill(page, shell.node);
  if (notice) shell.say(notice);
  show();
  client.connect();
}

async function start() {
  const link = mailLink();
  if (link?.purpose === 'reset') return welcome('', link.token);
  fill(page, words.welcome.opening);
  const notice = link ? await confirm(link) : '';
  if (!account.isKnown) return welcome(notice);
  try {
    await account.token();
    return enter(notice);
  } catch (error) {
    if (isOver(error)) account.forget();
    return welcome(isOver(error) ? words.welcome.sessionOver : words.errors.offline);
  }
}

start();
