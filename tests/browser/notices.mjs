/** What somebody is told while they look elsewhere, in the page and, once asked for, by a push. */

import assert from 'node:assert/strict';
import { words } from '../../src/console/words.en.js';
import { Visitor } from './visitor.mjs';

const w = words.notices;
const t = words.telling;

export async function notices(stage) {
  const { mark, step } = stage;
  const eva = await Visitor.arrive(stage, 'Eva');
  const jon = await Visitor.arrive(stage, 'Jon');
  await eva.register(`eva_${mark}`);
  await jon.register(`jon_${mark}`);
  const bell = eva.page.locator('.bell');

  await step('the bell says quietly that something happened, and where', async () => {
    await eva.open('#/notices');
    await eva.reads(w.none);
    await jon.open('#/people');
    await jon.field(words.people.search).fill(`eva_${mark}`);
    await jon.page.locator('.person').filter({ hasText: 'Eva' }).click();
    await jon.press(words.person.friend.none);
    await bell.locator('.count').filter({ hasText: '1' }).waitFor();
    await eva.page.locator('.one-notice.new').filter({ hasText: 'Jon' }).waitFor();
    await eva.checkLabels();
    await eva.picture('notices');
    await eva.page.locator('.one-notice a').first().click();
    await eva.page.getByRole('heading', { name: 'Jon', exact: true }).waitFor();
    await bell.locator('.count').waitFor({ state: 'hidden' });
  });

  await step('how one is told is chosen, and kept', async () => {
    await eva.open('#/telling');
    await eva.field(t.quietOn).check();
    await eva.reads(t.kept);
    await eva.field(t.from).fill('21:30');
    await eva.field(t.from).blur();
    await eva.field(t.digest).selectOption('weekly');
    await eva.field(t.choice(t.kind.wall, t.channels.push)).click();
    await eva.page.reload();
    await eva.page.waitForFunction(
      () => document.querySelector('input[type=time]')?.value === '21:30',
    );
    assert.equal(await eva.field(t.digest).inputValue(), 'weekly');
    await eva.checkLabels();
    await eva.picture('telling');
  });

  await step('a push is asked for with a click, shown, and gone with another click', async () => {
    await eva.context.grantPermissions(['notifications']);
    await eva.page.evaluate(pretendPushService);
    await eva.press(t.deviceOn);
    await eva.reads(t.isOn);
    const shown = await push(eva, { text: 'Jon wrote to you.', link: 'conversation:x', id: 'one' });
    assert.deepEqual(shown, ['Jon wrote to you.']);
    await eva.press(t.deviceOff);
    await eva.reads(t.isOff);
    const left = await eva.page.evaluate(() => navigator.serviceWorker.getRegistrations());
    assert.equal(left.length, 0, 'the worker is gone');
  });

  await step('notices fit a phone', async () => {
    await eva.checkWidth(['#/notices', '#/telling']);
  });
}

/** Runs in the page: a subscription as a browser gives it, without a push service to ask. */
async function pretendPushService() {
  const pair = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, [
    'deriveBits',
  ]);
  const raw = new Uint8Array(await crypto.subtle.exportKey('raw', pair.publicKey));
  const text = (bytes) =>
    btoa(String.fromCharCode(...bytes))
      .replaceAll('+', '-')
      .replaceAll('/', '_')
      .replaceAll('=', '');
  const keys = { p256dh: text(raw), auth: text(crypto.getRandomValues(new Uint8Array(16))) };
  let made = null;
  const subscription = {
    toJSON: () => ({ endpoint: 'https://push.example.org/somebody', keys }),
    unsubscribe: async () => {
      made = null;
    },
  };
  PushManager.prototype.subscribe = async () => {
    made = subscription;
    return made;
  };
  PushManager.prototype.getSubscription = async () => made;
}

/** What the worker shows after a push with this letter. */
async function push(visitor, letter) {
  const cdp = await visitor.context.newCDPSession(visitor.page);
  const registered = new Promise((resolve) => {
    cdp.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      if (registrations[0]) resolve(registrations[0].registrationId);
    });
  });
  await cdp.send('ServiceWorker.enable');
  await cdp.send('ServiceWorker.deliverPushMessage', {
    origin: new URL(visitor.page.url()).origin,
    registrationId: await registered,
    data: JSON.stringify(letter),
  });
  return visitor.page.evaluate(shown);
}

/** Runs in the page: the words on the screen, as soon as there are some. */
async function shown() {
  const registration = await navigator.serviceWorker.ready;
  for (let turn = 0; turn < 100; turn += 1) {
    const notices = await registration.getNotifications();
    if (notices.length > 0) return notices.map(({ body }) => body);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return [];
}
