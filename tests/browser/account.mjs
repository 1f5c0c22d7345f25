/** One's own account: profile, address, password, devices, the archive, the end; and mails' links. */

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { words } from '../../src/console/words.en.js';
import { passwordOf, Visitor } from './visitor.mjs';

const w = words.account;
const MAIL_WAIT_MS = 15_000;

export async function account(stage) {
  const { mark, step } = stage;
  const username = `noa_${mark}`;
  let email = `${username}@example.org`;
  const noa = await Visitor.arrive(stage, 'Noa');
  await noa.register(username);
  const card = (title) => noa.page.locator('.card').filter({ hasText: title }).first();
  const unfold = (who, title) => who.page.getByText(title, { exact: true }).click();

  await step('a profile is written, and others see it', async () => {
    await noa.open('#/account');
    await noa.field(w.bio).fill('I walk a lot, and listen to birds.');
    await noa.field(w.interests).fill('birds, long walks, beginnings');
    await noa.field(w.name).fill('Noa Lind');
    await noa.press(w.save, card(w.profile));
    await noa.reads(w.kept);
    await noa.page.locator('.side .me').filter({ hasText: 'Noa Lind' }).waitFor();
    await noa.checkLabels();
    await noa.picture('account');
    await noa.page.getByText(w.preview).click();
    await noa.reads('listen to birds');
    await noa.reads('long walks');
    await noa.picture('profile');
  });

  await step('another device is seen, and logged out', async () => {
    const phone = await Visitor.arrive(stage, 'Noa’s phone');
    await phone.login(email, passwordOf(stage));
    await noa.open('#/account');
    await unfold(noa, w.devices);
    const there = noa.page.locator('.devices .link');
    await there.click();
    await there.waitFor({ state: 'detached' });
    await phone.page.locator('.welcome').waitFor();
    await phone.reads(words.welcome.sessionOver);
  });

  await step('another address holds once its mail’s link was followed', async () => {
    const other = `new_${email}`;
    await unfold(noa, w.email);
    await noa.field(w.newEmail).fill(other);
    await noa.field(w.yourPassword).first().fill(passwordOf(stage));
    await noa.press(w.changeEmail);
    await noa.reads(w.emailSent(other));
    const secret = await linkOf('email', other);
    await noa.page.goto('about:blank');
    await noa.page.goto(`${stage.base}/#email=${secret}`);
    await noa.reads(words.doors.emailChanged);
    email = other;
    // The same link again, in the window that is open: it was good once.
    noa.offline = true;
    await noa.page.goto(`${stage.base}/#email=${secret}`);
    await noa.page
      .locator('.said')
      .getByText(/link was used already/)
      .waitFor();
    noa.offline = false;
    await noa.open('#/account');
  });

  await step('an application to be a coach says where it stands', async () => {
    // There is none yet, and the browser writes down that it was not found.
    noa.offline = true;
    await unfold(noa, w.coach.title);
    await noa.field(w.coach.qualifications).fill('Two years of a listening line.');
    await card(w.coach.title).getByLabel(w.coach.expertise).fill('grief, new beginnings');
    await noa.press(w.coach.send);
    await noa.reads(w.coach.states.pending);
    noa.offline = false;
  });

  await step('all that is kept comes as one archive', async () => {
    await unfold(noa, w.export);
    const downloading = noa.page.waitForEvent('download');
    await noa.press(w.exportGo);
    const download = await downloading;
    const archive = await readFile(await download.path());
    assert.equal(archive.subarray(0, 2).toString(), 'PK', 'a zip archive');
    await noa.reads(w.exportDone);
  });

  await step('a forgotten password is chosen anew, by a mail’s link', async () => {
    const guest = await Visitor.arrive(stage, 'Noa again');
    guest.offline = true;
    await guest.press(words.doors.forgot);
    await guest.field(words.welcome.email).fill(email);
    await guest.checkLabels();
    await guest.press(words.doors.forgotGo);
    await guest.reads(words.doors.forgotSent);
    const link = await linkOf('reset', email);
    await guest.page.goto('about:blank');
    await guest.page.goto(`${stage.base}/#reset=${link}`);
    await guest.field(words.doors.password).fill(`another quiet place ${mark}`);
    await guest.picture('reset');
    await guest.press(words.doors.resetGo);
    await guest.reads(words.doors.resetDone);
    await guest.login(email, `another quiet place ${mark}`);
    assert.doesNotMatch(guest.page.url(), /reset/, 'the secret does not stay in the address');
    await guest.context.close();
  });

  await step('an account is deleted, after one question', async () => {
    const again = await Visitor.arrive(stage, 'Noa at last');
    again.offline = true;
    await again.login(email, `another quiet place ${mark}`);
    await again.checkWidth(['#/account']);
    await again.open('#/account');
    await unfold(again, w.remove);
    await again.field(w.removeAsk).fill(`another quiet place ${mark}`);
    await again.press(w.removeGo);
    await again.press(w.removeYes, again.page.locator('dialog'));
    await again.page
      .getByText(/Log in until then|Your login has ended|You are logged out/)
      .first()
      .waitFor();
  });
}

/** The secret of the newest mail of a kind to an address, from the server's outbox folder. */
async function linkOf(purpose, email) {
  const folder = process.env.MAILS;
  const until = Date.now() + MAIL_WAIT_MS;
  while (Date.now() < until) {
    const names = await readdir(folder).catch(() => []);
    for (const name of names.sort().reverse()) {
      const mail = (await readFile(join(folder, name), 'utf8')).replaceAll('=\r\n', '');
      const [, secret] = new RegExp(`#${purpose}(?:=3D|=)(\\S+)`).exec(mail) ?? [];
      if (secret && mail.includes(email)) return secret;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`no mail with a link to ${purpose}`);
}
