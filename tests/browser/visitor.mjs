/** Somebody at a browser of their own, and what they can do there. */

import assert from 'node:assert/strict';
import { words } from '../../src/console/words.en.js';

const WAIT_MS = 20_000;

/** Everybody's in one run. */
export const passwordOf = ({ mark }) => `a quiet place ${mark}`;

/** One person at a browser of their own. */
export class Visitor {
  constructor(stage, name, context, page) {
    this.stage = stage;
    this.name = name;
    this.context = context;
    this.page = page;
    stage.people.push(this);
  }

  /** `stage` is `{ browser, base, mark, problems }`. */
  static async arrive(stage, name, options = {}) {
    const { browser, base, problems } = stage;
    const context = await browser.newContext({
      viewport: { width: 1200, height: 800 },
      ...options,
    });
    const page = await context.newPage();
    page.setDefaultTimeout(WAIT_MS);
    const visitor = new Visitor(stage, name, context, page);
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
      this.stage.problems.push(`${this.name}: console: ${message.text()} (${url})`);
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
    await this.field(words.welcome.password).fill(passwordOf(this.stage));
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
    await this.page.goto(`${this.stage.base}/${hash}`);
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

  /** What the server would say, said here: for what it says only after a long time. */
  async hear(event, data) {
    await this.page.evaluate((push) => window.network.hear(push), { event, data });
  }

  /** Waits for words anywhere on the page. */
  async reads(text, root = this.page) {
    await root.getByText(text).first().waitFor();
  }

  /** Nothing scrolls sideways, at a phone's width. */
  async checkWidth(hashes) {
    const { width, height } = this.page.viewportSize();
    await this.page.setViewportSize({ width: 360, height: 740 });
    for (const hash of hashes) {
      await this.open(hash);
      const wide = await this.page.evaluate(
        () => document.documentElement.scrollWidth > innerWidth,
      );
      assert.equal(wide, false, `${hash} does not scroll sideways`);
    }
    await this.page.setViewportSize({ width, height });
  }

  /** A picture, where the run asks for them. */
  async picture(name) {
    const { pictures } = this.stage;
    if (!pictures) return;
    await this.page.screenshot({ path: `${pictures}/${name}.png`, animations: 'disabled' });
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
    hear(push) {
      const data = JSON.stringify(push);
      for (const socket of open) socket.dispatchEvent(new MessageEvent('message', { data }));
    },
    mend() {
      isCut = false;
      window.dispatchEvent(new Event('online'));
    },
  };
}
