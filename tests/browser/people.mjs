/** Two people who don't know each other yet: found, written to, befriended, blocked. */

import { words } from '../../src/console/words.en.js';
import { Visitor } from './visitor.mjs';

const p = words.person;

export async function people(stage) {
  const { mark, step } = stage;
  const ida = await Visitor.arrive(stage, 'Ida');
  const tom = await Visitor.arrive(stage, 'Tom');
  await ida.register(`ida_${mark}`);
  await tom.register(`tom_${mark}`);
  const find = async (who, username, name) => {
    await who.open('#/people');
    await who.field(words.people.search).fill(username);
    await who.page.locator('.person').filter({ hasText: name }).first().click();
    await who.page.getByRole('heading', { name, exact: true }).waitFor();
  };

  await step('somebody is found by name, and written to; the first message waits', async () => {
    await find(ida, `tom_${mark}`, 'Tom');
    await ida.picture('person');
    await ida.press(p.write);
    await ida.reads(words.inbox.waiting('Tom'));
    await ida.say('Hello Tom, I liked what you wrote in the group about listening.');
    await ida.reads(words.inbox.sent('Tom'));
    await tom.page.locator('.first-link').click();
    await tom.reads('about listening');
    await tom.checkLabels();
    await tom.picture('inbox');
  });

  await step('a first message is accepted, and both talk', async () => {
    await tom.press(words.inbox.acceptOf('Ida'));
    await tom.say('Thank you, Ida. It took me a while to learn.');
    await ida.sees('It took me a while');
    await ida.say('Me too.');
    await tom.sees('Me too.');
  });

  await step('friendship is asked for, and accepted', async () => {
    await find(ida, `tom_${mark}`, 'Tom');
    await ida.press(p.friend.none);
    await ida.reads(p.is.outgoing('Tom'));
    await tom.open('#/people');
    await tom.picture('people');
    await tom.press(words.people.acceptOf('Ida'));
    await ida.reads(p.is.friends);
    await ida.press(p.follow);
    await ida.reads(p.is.following);
    await tom.page
      .locator('.people-list')
      .filter({ hasText: words.people.lists.followers })
      .getByText('Ida')
      .waitFor();
    await tom.checkLabels();
  });

  await step('muting and blocking hold at once, and can be taken back', async () => {
    await ida.press(p.mute);
    await ida.reads(p.is.muted);
    await ida.press(p.unmute);
    await ida.press(p.block);
    await ida.press(p.blockYes, ida.page.locator('dialog'));
    await ida.reads(p.is.blocked);
    await tom.open('#/people');
    await tom.field(words.people.search).fill(`ida_${mark}`);
    await tom.reads(words.people.noneFound);
    await ida.press(p.unblock);
    await ida.page.getByRole('button', { name: p.block, exact: true }).waitFor();
  });

  await step('privacy: each choice is kept', async () => {
    const w = words.privacy;
    await ida.open('#/privacy');
    await ida.field(w.messages).selectOption('connections');
    await ida.reads(w.kept);
    await ida.field(w.profile).selectOption('connections');
    await ida.field(w.receipts).uncheck();
    await ida.page.reload();
    await ida.page.waitForFunction(
      () => document.querySelectorAll('select')[1]?.value === 'connections',
    );
    await ida.checkLabels();
    await ida.picture('privacy');
  });

  await step('people fit a phone', async () => {
    await tom.checkWidth(['#/people', '#/inbox', '#/privacy']);
  });
}
