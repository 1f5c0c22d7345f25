import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FEED, TALK, TOPIC, event, span, start } from './server.js';

const seqs = (seen, topic = TOPIC) =>
  seen.filter((event) => event.topic === topic).map((event) => event.seq);

test('the session is opened with token, device and growing attempts', async () => {
  const { client, clock, server, sockets } = start();
  client.connect();
  const first = await server.open();
  assert.equal(first.token, 'token-1');
  assert.equal(first.device_id, 'test');
  assert.deepEqual(server.socket.protocols, ['sanctuary.v1.json']);
  assert.deepEqual(first.cursors, []);
  assert.equal(client.state, 'open');
  await server.drop();
  assert.equal(client.state, 'waiting');
  await clock.advance(250);
  const second = await server.open();
  assert.ok(second.attempt > first.attempt);
  assert.equal(sockets.length, 2);
});

test('a reconnect asks for what came after the last event of each topic', async () => {
  const { client, clock, server, seen } = start();
  client.connect();
  await server.open();
  client.track(TOPIC, 4);
  await server.push(event(5), event(6));
  await server.drop();
  await clock.advance(1_000);
  const { cursors } = await server.open({ events: [event(7), event(8)] });
  assert.deepEqual(cursors, [
    { topic: FEED, seq: 0 },
    { topic: TOPIC, seq: 6 },
  ]);
  assert.deepEqual(seqs(seen), [5, 6, 7, 8]);
});

test('an event that comes again is dropped', async () => {
  const { client, server, seen } = start();
  client.connect();
  await server.open();
  await server.push(event(1), event(2), event(2), event(1), event(3));
  assert.deepEqual(seqs(seen), [1, 2, 3]);
});

test('a hole is read from the log before anything after it is delivered', async () => {
  const { client, server, seen } = start();
  client.connect();
  await server.open();
  await server.push(event(1), event(4), event(5));
  assert.deepEqual(seqs(seen), [1]);
  const asked = await server.answer('topic.read', {
    events: span(2, 5).map((n) => event(n)),
    head: 5,
  });
  assert.deepEqual(asked, { topic: TOPIC, after: 1, limit: 100 });
  await server.push(event(6));
  assert.deepEqual(seqs(seen), [1, 2, 3, 4, 5, 6]);
});

test('an announced gap is read, page by page, while live events go on', async () => {
  const { client, server, seen } = start();
  client.connect();
  await server.open();
  await server.push(
    event(1),
    { event: 'gap', topic: TOPIC, data: { topic: TOPIC, from: 2, to: 150 } },
    event(151),
  );
  await server.answer('topic.read', { events: span(2, 101).map((n) => event(n)), head: 151 });
  await server.push(event(152));
  const asked = await server.answer('topic.read', {
    events: span(102, 152).map((n) => event(n)),
    head: 152,
  });
  assert.equal(asked.after, 101);
  assert.deepEqual(seqs(seen), span(1, 152));
  assert.equal(server.has('topic.read'), false);
});

test('a topic far behind is read once its replayed part has come', async () => {
  const { client, server, seen } = start({ cursors: [{ topic: TOPIC, seq: 10 }] });
  client.connect();
  await server.open({ behind: [{ topic: TOPIC, from: 13, head: 14 }] });
  assert.equal(server.has('topic.read'), false);
  await server.push(event(11), event(12));
  assert.equal(server.has('topic.read'), true);
  await server.answer('topic.read', { events: [event(13), event(14)], head: 14 });
  assert.deepEqual(seqs(seen), [11, 12, 13, 14]);
});

test('a repair goes on after the connection broke in its middle', async () => {
  const { client, clock, server, seen } = start({ cursors: [{ topic: TOPIC, seq: 1 }] });
  client.connect();
  await server.open({ behind: [{ topic: TOPIC, from: 2, head: 5 }] });
  await server.drop();
  await clock.advance(1_000);
  await server.open({ events: span(2, 5).map((n) => event(n)) });
  await server.answer('topic.read', { events: span(2, 5).map((n) => event(n)), head: 5 });
  assert.deepEqual(seqs(seen), [2, 3, 4, 5]);
});

test('a conversation that began while away is read from its start', async () => {
  const { client, clock, server, seen } = start();
  client.connect();
  await server.open();
  await server.drop();
  await clock.advance(1_000);
  const joined = {
    topic: FEED,
    seq: 1,
    at: 1,
    event: 'conversation.joined',
    data: { conversation_id: TALK, kind: 'direct' },
  };
  await server.open({ events: [joined] });
  const asked = await server.answer('topic.read', { events: [event(1), event(2)], head: 2 });
  assert.equal(asked.after, 0);
  assert.deepEqual(seqs(seen), [1, 2]);
});

test('what may not be read any more is left alone', async () => {
  const { client, server, seen } = start();
  client.connect();
  await server.open();
  await server.push(event(1), event(9));
  await server.refuse('topic.read', { code: 'not_found' });
  assert.equal(server.has('topic.read'), false);
  assert.deepEqual(seqs(seen), [1]);
});

test('subscriptions are made again after the last event seen', async () => {
  const { client, clock, server, seen } = start();
  const group = 'group:00000000-0000-4000-8000-0000000000aa';
  client.connect();
  await server.open();
  client.subscribe(group);
  assert.deepEqual(await server.answer('topic.subscribe', { head: 3 }), { topic: group });
  await server.push(event(4, {}, group));
  await server.drop();
  await clock.advance(1_000);
  const { cursors } = await server.open();
  assert.equal(
    cursors.some(({ topic }) => topic === group),
    false,
  );
  assert.deepEqual(await server.answer('topic.subscribe', { head: 5 }), { topic: group, after: 4 });
  await server.push(event(5, {}, group));
  assert.deepEqual(seqs(seen, group), [4, 5]);
});

test('watched people are watched again', async () => {
  const { client, clock, server } = start();
  const changes = [];
  client.on('presence.changed', ({ data }) => changes.push(...data.changes));
  client.watch(['a', 'b']);
  client.connect();
  await server.open();
  await server.answer('presence.watch', { states: [{ user_id: 'a', status: 'online' }] });
  await server.drop();
  await clock.advance(1_000);
  await server.open();
  assert.deepEqual(await server.answer('presence.watch', { states: [] }), { users: ['a', 'b'] });
  assert.deepEqual(changes, [{ user_id: 'a', status: 'online' }]);
});
