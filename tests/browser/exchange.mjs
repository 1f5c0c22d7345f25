/** Two trainees practise with one another: an offer, a proposal, another time, a yes. */

import { words } from '../../src/console/words.en.js';
import { Visitor } from './visitor.mjs';

const w = words.exchange;

export async function exchange(stage) {
  const { mark, step } = stage;
  const pia = await Visitor.arrive(stage, 'Pia');
  const lou = await Visitor.arrive(stage, 'Lou');
  const [first, second] = process.env.TRAINEES.split(' ');
  await pia.login(first, process.env.COACH_PASSWORD);
  await lou.login(second, process.env.COACH_PASSWORD);
  // Nobody is in two sessions at once, also not after a run before this one.
  const days = 2 + (Number.parseInt(mark, 16) % 20);
  const group = `Listening, spring course ${mark}`;

  await step('a training group has a board, and an offer on it', async () => {
    await pia.open('#/groups');
    await pia.page.getByText(words.groups.create, { exact: true }).click();
    await pia.field(words.groups.name).fill(group);
    await pia.field(words.groups.isTraining).check();
    await pia.press(words.groups.make);
    await pia.page.getByRole('heading', { name: group }).waitFor();
    await lou.open('#/groups');
    await lou.press(words.groups.joinOf(group));
    await lou.page.getByRole('heading', { name: group }).waitFor();
    await pia.page.locator('.areas').getByText(w.title).click();
    await pia.page.getByText(w.post, { exact: true }).click();
    await pia.field(w.give).fill('listening');
    await pia.field(w.duration).fill('45');
    await pia.checkLabels();
    await pia.press(w.postGo);
    await pia.reads(w.youGive('listening'));
    await pia.picture('board');
  });

  await step('it is taken with a time, answered with another, and agreed on', async () => {
    await lou.open('#/exchange');
    await lou.press(w.takeOf('Pia'));
    await lou.field(w.when).fill(inDays(days, '18:00'));
    await lou.press(w.takeGo);
    await lou.reads(w.theirs('Pia'));
    await pia.page.locator('.attention').getByText(w.with('Lou')).click();
    await pia.press(w.counter);
    await pia.field(w.when).fill(inDays(days + 1, '09:30'));
    await pia.field(w.note).fill('Mornings are kinder to me.');
    await pia.press(w.counterGo);
    await lou.reads('Mornings are kinder to me.');
    await lou.picture('session');
    await lou.press(w.accept);
    await pia.reads(w.talk);
    await lou.page.getByText(w.talk).click();
    await lou.say('Looking forward to it.');
    await pia.page.getByText(w.talk).click();
    await pia.sees('Looking forward to it.');
  });

  await step('notes on it, the ledger, and a session proposed to somebody', async () => {
    await lou.open('#/exchange');
    await lou.reads(w.given);
    await lou.page.getByText(w.with('Pia')).first().click();
    await lou.field(w.sharedNote).fill('We try silences of ten breaths.');
    await lou.page.locator('.card').filter({ hasText: w.sharedNote }).getByText(w.keep).click();
    await lou.reads(w.kept);
    await lou.checkLabels();
    await lou.page
      .getByRole('heading', { name: w.with('Pia') })
      .getByRole('link')
      .click();
    await lou.page.getByText(words.person.propose).click();
    await lou.field(w.receive).fill('a coaching hour');
    await lou.field(w.when).fill(inDays(days + 3, '12:00'));
    await lou.press(w.proposeGo);
    await lou.reads(w.theirs('Pia'));
    await lou.press(w.withdraw);
    await lou.press(w.yes);
    await lou.reads(w.states.withdrawn);
  });

  await step('practising fits a phone', async () => {
    await lou.checkWidth(['#/exchange', '#/groups']);
  });
}

/** As a field for a date and a time takes it. */
function inDays(days, clock) {
  const day = new Date(Date.now() + days * 24 * 60 * 60_000);
  const two = (number) => String(number).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}T${clock}`;
}
