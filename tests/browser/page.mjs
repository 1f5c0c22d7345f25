/**
 * The page in a real browser: page.mjs BASE_URL
 *
 * COACH_EMAIL and COACH_PASSWORD are the login of somebody with the role `coach`.
 * SCREENSHOT, if given, is where a picture of the page is put. CHROMIUM is the browser's path.
 * Two people talk, one asks for support, the coach answers. Any error in the console, any
 * violation of the content policy and any field without a label is a failure. Ends with 0 or 1.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chromium } from 'playwright-core';
import { words } from '../../src/console/words.en.js';

const WAIT_MS = 20_000;
const base = process.argv[2]?.replace(/\/$/, '');
const { COACH_EMAIL, COACH_PASSWORD, SCREENSHOT } = process.env;
assert.ok(
  base && COACH_EMAIL && COACH_PASSWORD,
  'page.mjs BASE_URL, with COACH_EMAIL and COACH_PASSWORD',
);

const mark = randomBytes(3).toString('hex');
const problems = [];

/** One person at a browser of their own. */
class Visitor {
  constructor(name, context, page) {
    this.name = name;
    this.context = context;
    this.page = page;
  }

  static async arrive(browser, name, options = {}) {
    const context = await browser.newContext({
      viewport: { width: 1200, height: 800 },
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const visitor = new Visitor(name, context, page);
    page.on('pageerror', (error) => problems.push(`${name}: ${error.stack}`));
    page.on('console', (message) => visitor.#heard(message));
    await page.exposeFunction('policyViolated', (what) => problems.push(`${name}: policy ${what}`));
    await page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        window.policyViolated(`${event.violatedDirective} ${event.blockedURI}`),
      );
    });
    await page.addInitScript(breakableNetwork);
    const response = await page.goto(base);
    const policy = response.headers()['content-security-policy'] ?? '';
    assert.match(policy, /default-src 'self'/, 'the page comes with a content policy');
    return visitor;
  }

  /** Set while a failing connection is what the test is about. */
  offline = false;

  #heard(message) {
    const { url } = message.location();
    if (message.type() === 'error' && !this.offline) {
      problems.push(`${this.name}: console: ${message.text()} (${url})`);
    }
  }

  field(label) {
    return this.page.getByLabel(label, { exact: true });
  }

  async press(name, root = this.page) {
    await root.getByRole('button', { name, exact: true }).click();
  }

  async register(username) {
    await this.press(words.welcome.toRegister);
    await this.checkLabels();
    await this.field(words.welcome.yourName).fill(this.name);
    await this.field(words.welcome.email).fill(`${username}@example.org`);
    await this.field(words.welcome.username).fill(username);
    await this.field(words.welcome.password).fill(`a quiet place ${mark}`);
    await this.press(words.welcome.register);
    await this.arrived();
  }

  async login(email, password) {
    await this.field(words.welcome.email).fill(email);
    await this.field(words.welcome.password).fill(password);
    await this.press(words.welcome.login);
    await this.arrived();
  }

  async arrived() {
    await this.page.locator('.shell').waitFor();
  }

  async open(hash) {
    await this.page.goto(`${base}/${hash}`);
    await this.arrived();
  }

  async say(text) {
    await this.field(words.talk.write).fill(text);
    await this.press(words.talk.send);
  }

  /** Closes the socket, and lets no other through. Chromium's own offline mode spares sockets. */
  async cut() {
    await this.page.evaluate(() => window.network.cut());
  }

  async mend() {
    await this.page.evaluate(() => window.network.mend());
  }

  message(text) {
    return this.page.locator('.message').filter({ hasText: text });
  }

  async sees(text) {
    await this.message(text).first().waitFor();
  }

  /** What a screen reader could not name. */
  async checkLabels() {
    const nameless = await this.page.evaluate(() => {
      const visible = (element) => element.getClientRects().length > 0;
      const named = (element) =>
        element.labels?.length > 0 ||
        element.getAttribute('aria-label')?.trim() ||
        element.getAttribute('aria-labelledby') ||
        (!element.matches('input, select, textarea') && element.textContent.trim());
      const all = [...document.querySelectorAll('input, select, textarea, button, a, summary')];
      return all.filter((element) => visible(element) && !named(element)).map((e) => e.outerHTML);
    });
    assert.deepEqual(nameless, [], 'each field and button has a name');
    const headings = await this.page.locator('h1:visible').count();
    assert.ok(headings >= 1, 'the page has a heading');
    const ids = await this.page.evaluate(() =>
      [...document.querySelectorAll('[id]')].map(({ id }) => id),
    );
    assert.equal(new Set(ids).size, ids.length, 'ids are unique');
  }
}

/** Runs in the page: sockets that can be cut. */
function breakableNetwork() {
  const Real = window.WebSocket;
  const open = new Set();
  let isCut = false;
  window.WebSocket = class extends Real {
    constructor(url, protocols) {
      super(isCut ? `${url}-is-cut` : url, protocols);
      open.add(this);
      this.addEventListener('close', () => open.delete(this));
    }
  };
  window.network = {
    cut() {
      isCut = true;
      for (const socket of open) socket.close();
    },
    mend() {
      isCut = false;
      window.dispatchEvent(new Event('online'));
    },
  };
}

async function step(what, work) {
  const from = Date.now();
  await work();
  assert.deepEqual(problems, [], `nothing went wrong on the page: ${what}`);
  console.log(`ok   ${what} (${Date.now() - from} ms)`);
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
});

const people = [];
let failed = false;

async function talk() {
  const ana = await Visitor.arrive(browser, 'Ana');
  const ben = await Visitor.arrive(browser, 'Ben');
  const coach = await Visitor.arrive(browser, 'Coach');
  people.push(ana, ben, coach);
  const [anaName, benName] = [`ana_${mark}`, `ben_${mark}`];

  await step('two people make an account', async () => {
    await ana.checkLabels();
    await ana.register(anaName);
    await ben.register(benName);
    await ana.checkLabels();
  });

  await step('a wrong password is answered kindly', async () => {
    const guest = await Visitor.arrive(browser, 'Guest');
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
    const row = ben.page.locator('.talks a').filter({ hasText: 'Ana' });
    await row.locator('.count').waitFor();
    await row.click();
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

  if (SCREENSHOT) await picture(ana, coach);

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
async function picture(member, coach) {
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
  await member.page.screenshot({ path: SCREENSHOT });
  await coach.field(words.talk.write).fill('');
  console.log(`     picture: ${SCREENSHOT}`);
}

try {
  await talk();
  console.log('the page works');
} catch (error) {
  failed = true;
  console.error(`FAILED: ${error.stack}`);
  for (const problem of problems) console.error(`  ${problem}`);
  for (const { name, page } of people) {
    const path = process.env.FAILURES && `${process.env.FAILURES}/${name}.png`;
    if (path) await page.screenshot({ path }).catch(() => {});
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
