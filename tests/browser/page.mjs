/**
 * The page in a real browser: page.mjs BASE_URL
 *
 * COACH_EMAIL and COACH_PASSWORD are the login of somebody with the role `coach`, COACH2_EMAIL of a
 * second one, TRAINEES of two with the role `trainee`; all have that password. MAILS is the server's
 * outbox folder. SCREENSHOT, if given, is where a picture of the page is put, PICTURES a folder for one
 * of each part, FAILURES one for what people saw when something failed. CHROMIUM is the browser's
 * path, PARTS a list of parts to run. Any error in the console, any violation of the content policy
 * and any field without a label is a failure. Ends with 0 or 1.
 */

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chromium } from 'playwright-core';
import { account } from './account.mjs';
import { desk } from './desk.mjs';
import { exchange } from './exchange.mjs';
import { notices } from './notices.mjs';
import { people } from './people.mjs';
import { talk } from './talk.mjs';

const PARTS = { talk, desk, people, notices, account, exchange };

const NEEDED = ['COACH_EMAIL', 'COACH2_EMAIL', 'COACH_PASSWORD', 'TRAINEES', 'MAILS'];

const base = process.argv[2]?.replace(/\/$/, '');
assert.ok(
  base && NEEDED.every((name) => process.env[name]),
  `page.mjs BASE_URL, with ${NEEDED.join(', ')}`,
);

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

/** What the parts share. */
const stage = {
  browser,
  base,
  mark: randomBytes(3).toString('hex'),
  /** Everybody who came, for pictures of a failure. */
  people: [],
  /** What a page complained of. */
  problems: [],
  pictures: process.env.PICTURES,
  async step(what, work) {
    const from = Date.now();
    await work();
    assert.deepEqual(stage.problems, [], `nothing went wrong on the page: ${what}`);
    console.log(`ok   ${what} (${Date.now() - from} ms)`);
  },
};

let failed = false;
try {
  for (const name of process.env.PARTS?.split(',') ?? Object.keys(PARTS)) {
    console.log(`--   ${name}`);
    await PARTS[name](stage);
    for (const { context } of stage.people.splice(0)) await context.close();
  }
  console.log('the page works');
} catch (error) {
  failed = true;
  console.error(`FAILED: ${error.stack}`);
  for (const problem of stage.problems) console.error(`  ${problem}`);
  for (const { name, page } of stage.people) {
    const path = process.env.FAILURES && `${process.env.FAILURES}/${name}.png`;
    if (path) await page.screenshot({ path }).catch(() => {});
  }
} finally {
  await browser.close();
}
process.exit(failed ? 1 : 0);
