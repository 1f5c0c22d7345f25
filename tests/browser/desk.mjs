/** A day at the desk: offers, hand-overs, notes, silence, the end, and what can be done after it. */

import { words } from '../../src/console/words.en.js';
import { Visitor } from './visitor.mjs';

const s = words.support;
const d = words.desk;

export async function desk(stage) {
  const { mark, step } = stage;
  const { COACH_EMAIL, COACH_PASSWORD, COACH2_EMAIL } = process.env;
  const member = await Visitor.arrive(stage, 'Mira');
  const lin = await Visitor.arrive(stage, 'Lin');
  const noor = await Visitor.arrive(stage, 'Noor');
  await member.register(`mira_${mark}`);
  await lin.login(COACH_EMAIL, COACH_PASSWORD);
  await noor.login(COACH2_EMAIL, COACH_PASSWORD);
  const subject = 'A decision that keeps me awake';
  const offer = lin.page.locator('.offer');
  const linName = await lin.page.locator('.side .me').innerText();
  const noorName = await noor.page.locator('.side .me').innerText();

  await step('a coach takes offers, with so many places', async () => {
    await lin.open('#/desk');
    const onOff = lin.page.getByRole('switch', { name: d.available });
    await onOff.press('Enter');
    await lin.page.locator('.switch[aria-checked="true"]').waitFor();
    await lin.reads(d.availableHint);
    await lin.press(d.morePlaces);
    await lin.page.locator('.amount').filter({ hasText: '5' }).waitFor();
    await lin.press(d.less);
    await lin.page.locator('.amount').filter({ hasText: '4' }).waitFor();
    await lin.reads(d.you(linName));
    await lin.page.getByText(d.serving.title).click();
    await lin.field(d.serving.knows).fill('families, grief');
    await lin.press(d.serving.keep);
    await lin.reads(d.serving.kept);
    await lin.checkLabels();
  });

  await step('an offer says who, what about, and how long is left', async () => {
    await member.open('#/support');
    await member.field(s.subject).fill(subject);
    await member.field(s.text).fill('I turn it over and over, and it gets no lighter.');
    await member.page.getByText(s.wishes).click();
    await member.field(s.expertise).fill('families');
    await member.checkLabels();
    await member.picture('ask');
    await member.press(s.ask);
    await offer.getByText(d.offers.title('Mira')).waitFor();
    await offer.getByText(subject).waitFor();
    await offer.getByText(/Open to you for/).waitFor();
    await offer.getByText(d.knows('families')).waitFor();
    await member.reads(s.offered);
    await lin.checkLabels();
    await lin.picture('desk-offer');
    await member.picture('line-offered');
  });

  await step('a declined offer leaves the place in line as it was', async () => {
    await lin.press(d.offers.decline, offer);
    await offer.waitFor({ state: 'detached' });
    await lin.reads(d.offers.declined);
    await member.reads(s.next);
    await member.reads(s.waitUnknown);
    await member.picture('line');
  });

  await step('a place is held while its owner is away', async () => {
    member.offline = true;
    await member.cut();
    await member.reads(words.shell.offline);
    await member.mend();
    await member.page.getByText(words.shell.offline).waitFor({ state: 'detached' });
    await member.page.reload();
    member.offline = false;
    await member.reads(s.next);
    await member.reads(s.held);
  });

  await step('the next coach who is free is offered it, and accepts', async () => {
    await noor.open('#/desk');
    await noor.page.getByRole('switch', { name: d.available }).click();
    const card = noor.page.locator('.offer');
    await card.getByText(subject).waitFor();
    await noor.press(d.offers.accept, card);
    await noor.sees('it gets no lighter');
    await member.sees('it gets no lighter');
    await noor.say('I am glad you wrote. What would be different if it were decided?');
    await member.sees('if it were decided');
    await member.say('I could sleep. And I would have to tell my brother.');
    await noor.sees('tell my brother');
  });

  await step('a coach keeps private notes beside the conversation', async () => {
    await noor.press(d.aside.toggle);
    await noor.field(d.aside.write).fill('The brother matters more than the decision.');
    await noor.press(d.aside.keep);
    await noor.page.locator('.notes').getByText('The brother matters').waitFor();
    await noor.reads(d.aside.noEarlier('Mira'));
    await noor.checkLabels();
    await noor.picture('notes');
  });

  await step('a conversation is handed to a colleague, who may say no, or yes', async () => {
    for (const answer of [d.offers.decline, d.offers.accept]) {
      await noor.press(d.hand.button);
      await noor.page.locator('dialog').getByLabel(linName).check();
      if (answer === d.offers.decline) await noor.picture('hand-over');
      await noor.press(d.hand.yes);
      await noor.reads(d.hand.asked(linName));
      await member.reads(s.moving(linName));
      await offer.getByText(d.offers.handTitle(noorName, 'Mira')).waitFor();
      if (answer === d.offers.accept) await lin.picture('desk-hand-over');
      await lin.press(answer, offer);
      if (answer === d.offers.decline) await noor.reads(d.hand.returned);
    }
    await lin.sees('it gets no lighter');
    await member.reads(s.moved(linName));
    await lin.say(
      'Hello Mira, I read what you two found. Shall we stay with your brother for a while?',
    );
    await member.sees('stay with your brother');
    await member.picture('member-moved');
  });

  await step('a coach whose connection drops, and comes back', async () => {
    lin.offline = true;
    await lin.cut();
    await member.reads(s.coachAway(linName));
    await member.picture('coach-away');
    await lin.mend();
    await member.page.getByText(s.coachAway(linName)).waitFor({ state: 'detached' });
    lin.offline = false;
  });

  await step(
    'silence: the member is warned, the coach is nudged, each before anything happens',
    async () => {
      const conversation = await member.page.evaluate(() => location.hash.slice('#/talk/'.length));
      const until_at = Date.now() + 30 * 60_000;
      const request = await requestOf(stage.base, conversation);
      const warning = { request, conversation_id: conversation, until_at };
      await member.hear('support.warned', { ...warning, user_id: request.member.id });
      await member.press(s.stillHere);
      await member.sees(s.stillHereWords);
      await member.page.getByRole('button', { name: s.stillHere }).waitFor({ state: 'detached' });
      await lin.hear('support.warned', { ...warning, user_id: request.coach.id });
      await lin.page.locator('.areas').getByText(d.nudged('Mira')).waitFor();
      await lin.page.locator('.notices').getByText('Mira waits for a word').waitFor();
      await lin.picture('nudge');
      await lin.say('I am here. Take the time you need.');
      await lin.page.locator('.areas').getByText(d.nudged('Mira')).waitFor({ state: 'detached' });
    },
  );

  await step('words that sound like an emergency bring help, and hold nothing up', async () => {
    await member.say('Some nights I think there is no reason to live.');
    await member.page.getByRole('alert').getByText(s.help).waitFor();
    await lin.sees('no reason to live');
    await member.picture('help');
    await member.press(s.helpClose);
    await member.page.getByText(s.help).waitFor({ state: 'detached' });
  });

  await step('it ends with closing words, and is rated', async () => {
    await lin.press(s.end);
    await lin.field(s.summary).fill('Mira calls her brother on Sunday, and decides afterwards.');
    await lin.press(s.endYes);
    await member.reads('Mira calls her brother on Sunday');
    await member.page.locator('.star', { hasText: '5' }).click();
    await member.field(s.rate.text).fill('I felt heard, by both of them.');
    await member.picture('rating');
    await member.press(s.rate.send, member.page.locator('.rating'));
    await member.reads(s.rate.thanks);
    await lin.reads(d.offers.rated(5, 'I felt heard, by both of them.'));
    await member.checkLabels();
  });

  await step('the history is searched, filtered, and there to read', async () => {
    await member.open('#/history');
    await member.field(words.history.search).fill('brother on sunday');
    await member.press(words.history.go);
    await member.page.locator('.past').getByText(subject).waitFor();
    await member.field(words.history.how).selectOption('cancelled');
    await member.press(words.history.go);
    await member.reads(words.history.noneFound);
    await member.press(words.history.clear);
    await member.page.locator('.past').getByText(subject).waitFor();
    await member.checkLabels();
    await member.picture('history');
    await lin.open('#/history');
    await lin.page
      .locator('.past')
      .filter({ hasText: subject })
      .getByText(s.rate.got(5))
      .first()
      .waitFor({ state: 'attached' });
  });

  await step('it is opened again, and the coach who knows it is asked first', async () => {
    await member.press(s.reopenOf(subject));
    await offer.getByText(subject).waitFor();
    await lin.press(d.offers.accept, offer);
    await lin.sees('it gets no lighter');
    await lin.press(s.end);
    await lin.press(s.endYes);
    await member.reads(words.talk.closed);
  });

  await step('an offer goes once a colleague was faster; handed to whoever is free', async () => {
    await member.open('#/support');
    await member.field(s.subject).fill('One thing more');
    await member.press(s.ask);
    const first = await Promise.race(
      [lin, noor].map((coach) =>
        coach.page
          .locator('.offer')
          .waitFor()
          .then(() => coach),
      ),
    );
    const [asked, other] = first === lin ? [lin, noor] : [noor, lin];
    await asked.page.locator('.offer').getByText('One thing more').waitFor();
    await other.open('#/desk');
    await other.press(d.claimOf('Mira'));
    await asked.page.locator('.offer').waitFor({ state: 'detached' });
    await other.press(d.hand.button);
    await other.press(d.hand.yes);
    await asked.press(d.offers.accept, asked.page.locator('.offer'));
    await other.reads(words.talk.leftByMe);
    await asked.press(s.end);
    await asked.press(s.endYes);
    await member.reads(words.talk.closed);
  });

  await step('the desk fits a phone', async () => {
    await lin.checkWidth(['#/desk', '#/history']);
    await member.checkWidth(['#/support', '#/history']);
    for (const coach of [lin, noor]) {
      await coach.open('#/desk');
      await coach.page.locator('.switch[aria-checked="true"]').click();
      await coach.page.locator('.switch[aria-checked="false"]').waitFor();
    }
    await lin.page.setViewportSize({ width: 390, height: 844 });
    await lin.picture('desk-phone');
  });
}

/** The request as its coach sees it on the board. */
async function requestOf(base, conversationId) {
  const { COACH_EMAIL: email, COACH_PASSWORD: password } = process.env;
  const post = async (path, body, token) => {
    const headers = { 'content-type': 'application/json' };
    if (token) headers.authorization = `Bearer ${token}`;
    const response = await fetch(base + path, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return response.json();
  };
  const { access_token } = await post('/v1/auth/login', { email, password });
  const call = (method, params) => post('/v1/commands', { id: 1, method, params }, access_token);
  for (const { id } of (await call('desk.list', {})).result.items) {
    const { active } = (await call('desk.board', { desk_id: id })).result;
    const found = active.find(({ conversation_id }) => conversation_id === conversationId);
    if (found) return found;
  }
  throw new Error('the request is on no board');
}
