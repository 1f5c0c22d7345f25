/** Two people talk, one asks for support, a coach answers, a group is made. */

import assert from 'node:assert/strict';
import { words } from '../../src/console/words.en.js';
import { Visitor } from './visitor.mjs';

export async function talk(stage) {
  const { mark, step } = stage;
  const { COACH_EMAIL, COACH_PASSWORD, SCREENSHOT } = process.env;
  const ana = await Visitor.arrive(stage, 'Ana');
  const ben = await Visitor.arrive(stage, 'Ben');
  const coach = await Visitor.arrive(stage, 'Coach');
  const [anaName, benName] = [`ana_${mark}`, `ben_${mark}`];

  await step('two people make an account', async () => {
    await ana.checkLabels();
    await ana.register(anaName);
    await ben.register(benName);
    await ana.checkLabels();
  });

  await step('a wrong password is answered kindly', async () => {
    const guest = await Visitor.arrive(stage, 'Guest');
    guest.offline = true;
    await guest.field(words.welcome.email).fill(`${anaName}@example.org`);
    await guest.field(words.welcome.password).fill('not the password');
    await guest.press(words.welcome.login);
    await guest.page.getByRole('alert').filter({ hasText: words.errors.wrongLogin }).waitFor();
    await guest.context.close();
  });

  await step('they find each other and talk both ways', async () => {
    await ana.page.getByText(words.talks.find, { exact: true }).click();
    await ana.field(words.talks.findHint).fill(benName);
    await ana.press(words.talks.findGo);
    await ana.say('Good morning, Ben. How did the first session go?');
    // They don't know each other yet.
    await ben.page.locator('.first-link').click();
    await ben.press(words.inbox.acceptOf('Ana'));
    await ben.sees('How did the first session go?');
    await ben.say('Better than I feared! I mostly listened.');
    await ana.sees('I mostly listened');
    await ana.message('Good morning').getByText(words.talk.seen).waitFor();
    await ben.checkLabels();
  });

  await step('typing shows, and presence', async () => {
    await ben.field(words.talk.write).pressSequentially('Hm');
    await ana.page.getByText(words.talk.typing('Ben')).waitFor();
    await ben.field(words.talk.write).fill('');
    await ana.page
      .locator('.talk-head .presence')
      .filter({ hasText: words.presence.online })
      .waitFor();
  });

  await step('a message is answered, edited, reacted to and deleted', async () => {
    const listened = ana.message('I mostly listened');
    await listened.hover();
    await ana.press(words.talk.reply, listened);
    await ana.say('Listening is most of it.');
    await ben
      .message('Listening is most of it')
      .locator('.quote')
      .filter({ hasText: 'I mostly listened' })
      .waitFor();

    const mine = ben.message('Better than I feared');
    await mine.first().hover();
    await ben.press(words.talk.edit, mine.first());
    await ben.field(words.talk.write).fill('Better than I feared! I mostly listened, as you said.');
    await ben.press(words.talk.save);
    await ana.message('as you said').first().getByText(words.talk.edited).waitFor();

    const answer = ben.message('Listening is most of it');
    await answer.hover();
    await answer.getByText(words.talk.react, { exact: true }).click();
    await answer.getByRole('button', { name: `${words.talk.react} 🙏` }).click();
    await ana.message('Listening is most of it').locator('.reaction').waitFor();

    await ana.say('A slip of the pen');
    const slip = ana.message('A slip of the pen');
    await slip.getByRole('button', { name: words.talk.remove }).waitFor({ state: 'attached' });
    await slip.hover();
    await ana.press(words.talk.remove, slip);
    await ana.press(words.talk.removeYes);
    await ben.sees(words.talk.deleted);
    assert.equal(await ben.message('A slip of the pen').count(), 0);
  });

  await step('a reload keeps the login and the messages', async () => {
    await ana.page.reload();
    await ana.arrived();
    await ana.sees('Good morning, Ben');
    await ana.sees('as you said');
    await ana.say('Still here after a reload.');
    await ben.sees('Still here after a reload.');
  });

  await step('markup in a message stays text', async () => {
    await ana.say('<img src=x onerror="window.hacked = 1"> <b>bold</b>');
    await ben.sees('<b>bold</b>');
    assert.equal(await ben.page.evaluate(() => window.hacked), undefined);
    await ana.message('<b>bold</b>').hover();
    await ana.press(words.talk.remove, ana.message('<b>bold</b>'));
    await ana.press(words.talk.removeYes);
  });

  await step('what is written offline is sent later', async () => {
    ben.offline = true;
    await ben.cut();
    await ben.page.getByText(words.shell.offline).waitFor();
    await ben.say('Written on the train.');
    await ben.message('Written on the train.').getByText(words.talk.waiting).waitFor();
    await ana.say('Are you on the way?');
    await ben.mend();
    await ana.sees('Written on the train.');
    await ben.sees('Are you on the way?');
    await ben.page.getByText(words.shell.offline).waitFor({ state: 'detached' });
    ben.offline = false;
  });

  await step('a question waits in line, and the coach sees it', async () => {
    await coach.login(COACH_EMAIL, COACH_PASSWORD);
    await coach.open('#/desk');
    await ana.open('#/support');
    await ana.checkLabels();
    await ana.field(words.support.subject).fill(`A hard conversation ahead ${mark}`);
    await ana.field(words.support.text).fill('I have to tell my team that I am leaving.');
    await ana.press(words.support.ask);
    await ana.page.locator('.line .place').filter({ hasText: /./ }).waitFor();
    await coach.page.locator('.board').getByText(`A hard conversation ahead ${mark}`).waitFor();
    await coach.checkLabels();
  });

  await step('the coach claims it, and both talk', async () => {
    await coach.press(words.desk.claimOf('Ana'));
    await coach.sees('I have to tell my team that I am leaving.');
    await ana.sees('I have to tell my team that I am leaving.');
    await coach.say('Thank you for telling me. What feels hardest about it?');
    await ana.sees('What feels hardest about it?');
    await ana.say('That they might feel left alone.');
    await coach.sees('That they might feel left alone.');
  });

  if (SCREENSHOT) await picture(ana, coach, SCREENSHOT);

  await step('the coach ends it; it stays readable', async () => {
    await coach.press(words.support.end);
    await coach.field(words.support.summary).fill('Ana will talk to two people first.');
    await coach.press(words.support.endYes);
    await ana.page.getByText(words.talk.closed).waitFor();
    await coach.page.getByText(words.talk.closed).waitFor();
    await ana.open('#/support');
    await ana.page.getByText('Ana will talk to two people first.').waitFor();
  });

  await step('a request can be taken back', async () => {
    await ana.field(words.support.subject).fill(`Never mind ${mark}`);
    await ana.press(words.support.ask);
    await ana.press(words.support.cancel);
    await ana.press(words.support.cancelYes);
    await ana.page.getByText(words.support.cancelled).waitFor();
  });

  await step('a group: made, joined, written to, live', async () => {
    const group = `Morning pages ${mark}`;
    await ana.open('#/groups');
    await ana.page.getByText(words.groups.create, { exact: true }).click();
    await ana.checkLabels();
    await ana.field(words.groups.name).fill(group);
    await ana.press(words.groups.make);
    await ana.page.getByRole('heading', { name: group }).waitFor();
    await ben.open('#/groups');
    await ben.press(words.groups.joinOf(group));
    await ben.page.getByRole('heading', { name: group }).waitFor();
    await ben.field(words.groups.write).waitFor();
    await ana.field(words.groups.write).fill('Three lines about today, whoever likes to.');
    await ana.press(words.groups.publish);
    await ben.page.locator('.post').filter({ hasText: 'Three lines about today' }).waitFor();
    await ben.page.reload();
    await ben.page.locator('.post').filter({ hasText: 'Three lines about today' }).waitFor();
  });

  await step('it fits a phone', async () => {
    await ben.page.setViewportSize({ width: 360, height: 740 });
    for (const hash of ['#/', '#/support', '#/groups']) {
      await ben.open(hash);
      const wide = await ben.page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false, `${hash} does not scroll sideways`);
    }
  });

  await step('logging out leaves nothing behind', async () => {
    await ana.open('#/');
    await ana.press(words.shell.logout);
    await ana.page.getByText(words.welcome.loggedOut).waitFor();
    const kept = await ana.page.evaluate(() => Object.keys(localStorage));
    assert.deepEqual(kept, []);
    await ana.page.reload();
    await ana.field(words.welcome.password).waitFor();
  });
}

/** For the README: a page with life in it. */
async function picture(member, coach, path) {
  const lines = [
    [coach, 'You have been with them for a long time. What would you wish them to know?'],
    [member, 'That it was never about them. I learned most of what I know in that room.'],
    [coach, 'Then perhaps that is your first sentence. Shall we try to say it out loud, here?'],
    [member, 'Yes. I think I would like that. Thank you for being there.'],
  ];
  for (const [who, text] of lines) {
    await who.say(text);
    await (who === member ? coach : member).sees(text);
  }
  const last = coach.message('Thank you for being there');
  await last.hover();
  await last.getByText(words.talk.react, { exact: true }).click();
  await last.getByRole('button', { name: `${words.talk.react} 🌱` }).click();
  await member.message('Thank you for being there').locator('.reaction').waitFor();
  await coach.field(words.talk.write).pressSequentially('Take');
  await member.page.locator('.typing').filter({ hasText: /./ }).waitFor();
  await member.page.mouse.move(0, 0);
  await member.page.screenshot({ path });
  await coach.field(words.talk.write).fill('');
  console.log(`     picture: ${path}`);
}
