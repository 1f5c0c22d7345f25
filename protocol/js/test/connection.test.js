import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backoffMs, uuid } from '../sanctuary.js';
import { settle, start } from './server.js';

test('the back-off doubles from half a second and ends at twenty', () => {
  const most = [0, 1, 2, 5, 6, 50].map((n) => backoffMs(n, () => 1));
  assert.deepEqual(most, [500, 1_000, 2_000, 16_000, 20_000, 20_000]);
  assert.equal(
    backoffMs(3, () => 0),
    0,
  );
});

test('failures wait longer each time, and 30 s of quiet forget them', async () => {
  const { client, clock, server, sockets } = start();
  clock.chance = 1;
  client.connect();
  await settle();
  for (const [attempt, wait] of [500, 1_000, 2_000].entries()) {
    await server.drop();
    await clock.advance(wait - 1);
    assert.equal(sockets.length, attempt + 1);
    await clock.advance(1);
    assert.equal(sockets.length, attempt + 2);
  }
  await server.open();
  await clock.advance(30_000);
  await server.drop();
  await clock.advance(500);
  assert.equal(sockets.length, 5);
});

test('a short session does not forget the failures', async () => {
  const { client, clock, server, sockets } = start();
  clock.chance = 1;
  client.connect();
  await server.open();
  await server.drop();
  await clock.advance(500);
  await server.open();
  await server.drop();
  await clock.advance(999);
  assert.equal(sockets.length, 2);
  await clock.advance(1);
  assert.equal(sockets.length, 3);
});

test('bye says when to come back', async () => {
  const { client, clock, server, sockets } = start();
  client.connect();
  await server.open();
  await server.push({ event: 'bye', data: { retry_after_ms: 7_000 } });
  await server.drop(4001);
  await clock.advance(6_999);
  assert.equal(sockets.length, 1);
  await clock.advance(1);
  assert.equal(sockets.length, 2);
});

test('a close that is final does not reconnect', async () => {
  for (const code of [1002, 1003, 1007, 1009, 4500, 4501, 4502, 4503, 4505]) {
    const { client, clock, server, sockets } = start();
    const ends = [];
    client.on('ended', (why) => ends.push(why));
    client.connect();
    await server.open();
    const open = client.call('desk.list');
    await server.drop(code);
    await clock.advance(60_000);
    assert.equal(sockets.length, 1);
    assert.deepEqual(ends, [{ code }]);
    await assert.rejects(open);
    assert.equal(client.state, 'ended');
  }
});

test('every other close reconnects', async () => {
  for (const code of [1000, 1001, 1006, 1011, 1012, 4001, 4002, 4003, 4004, 4006, 4499]) {
    const { client, clock, server, sockets } = start();
    client.connect();
    await server.open();
    await server.drop(code);
    await clock.advance(60_000);
    assert.ok(sockets.length >= 2, String(code));
  }
});

test('4005 gets a fresh token first', async () => {
  const { client, clock, server, tokens } = start();
  client.connect();
  await server.open();
  await server.drop(4005);
  await clock.advance(1_000);
  assert.equal((await server.open()).token, 'token-2');
  assert.deepEqual(tokens, [false, true]);
});

test('a token that is over at session.open is refreshed too', async () => {
  const { client, clock, server, tokens } = start();
  client.connect();
  await settle();
  server.socket.onopen();
  await server.refuse('session.open', { code: 'token_expired' });
  await clock.advance(1_000);
  await server.open();
  assert.deepEqual(tokens, [false, true]);
  assert.equal(client.state, 'open');
});

test('a refused session waits for the close code, which says more', async () => {
  const refused = async (error, close) => {
    const { client, clock, server, sockets } = start();
    const ends = [];
    client.on('ended', (why) => ends.push(why));
    client.connect();
    await settle();
    server.socket.onopen();
    await server.refuse('session.open', error);
    assert.deepEqual(ends, []);
    if (close) await server.drop(close);
    await clock.advance(60_000);
    assert.equal(sockets.length, 1);
    assert.equal(client.state, 'ended');
    return ends.map(({ code, error: why }) => code ?? why.code);
  };
  assert.deepEqual(await refused({ code: 'conflict' }, 4503), [4503]);
  assert.deepEqual(await refused({ code: 'unauthenticated' }, 4502), [4502]);
  assert.deepEqual(await refused({ code: 'unauthenticated' }, 1006), ['unauthenticated']);
  assert.deepEqual(await refused({ code: 'full' }), ['full']);
});

test('a session that is busy is tried again', async () => {
  const { client, clock, server } = start();
  client.connect();
  await settle();
  server.socket.onopen();
  await server.refuse('session.open', { code: 'busy', retryable: true, retry_after_ms: 900 });
  assert.equal(client.state, 'waiting');
  await clock.advance(900);
  await server.open();
  assert.equal(client.state, 'open');
});

test('session.expiring refreshes without a reconnect', async () => {
  const { client, server, sockets, tokens } = start();
  client.connect();
  await server.open();
  await server.push({ event: 'session.expiring', data: { token_expires_at: 5 } });
  const params = await server.answer('session.refresh', { token_expires_at: 9 });
  assert.deepEqual(params, { token: 'token-2' });
  assert.deepEqual(tokens, [false, true]);
  assert.equal(sockets.length, 1);
});

test('no token for now is tried again, a login that is over is not', async () => {
  let answer = () => Promise.reject(new TypeError('fetch failed'));
  const { client, clock, sockets } = start({ token: () => answer() });
  client.connect();
  await settle();
  assert.equal(client.state, 'waiting');
  answer = () => Promise.reject(Object.assign(new Error('over'), { retryable: false }));
  await clock.advance(1_000);
  assert.equal(client.state, 'ended');
  assert.equal(sockets.length, 0);
});

test('at most 32 commands are open, the rest waits its turn', async () => {
  const { client, server } = start();
  client.connect();
  await server.open();
  const calls = Array.from({ length: 40 }, () => client.call('ping'));
  assert.equal(server.socket.sent.length, 32);
  assert.equal(new Set(server.socket.sent.map(({ id }) => id)).size, 32);
  for (let n = 0; n < 40; n += 1) await server.answer('ping', { server_at: n });
  assert.equal((await Promise.all(calls)).length, 40);
});

test('an open command fails with the connection, unless it may be asked again', async () => {
  const { client, clock, server } = start();
  client.connect();
  await server.open();
  const once = client.call('support.claim', { request_id: 'r' });
  const list = client.call('desk.list', {}, { retry: true });
  await server.drop();
  await assert.rejects(once, { code: 'disconnected', retryable: true });
  await clock.advance(1_000);
  await server.open();
  assert.equal(server.has('support.claim'), false);
  await server.answer('desk.list', { items: [] });
  assert.deepEqual(await list, { items: [] });
});

test('errors carry code and detail', async () => {
  const { client, server } = start();
  client.connect();
  await server.open();
  const call = client.call('support.claim', { request_id: 'r' });
  await server.refuse('support.claim', { code: 'already_claimed', detail: { coach: 'Ana' } });
  await assert.rejects(call, {
    code: 'already_claimed',
    retryable: false,
    detail: { coach: 'Ana' },
  });
});

test('a silent connection is pinged and then given up', async () => {
  const { client, clock, server, sockets } = start();
  client.connect();
  await server.open();
  await clock.advance(37_500);
  await server.answer('ping', { server_at: 1 });
  await clock.advance(37_500 + 10_000);
  assert.equal(client.state, 'open');
  await clock.advance(10_000 + 1_000);
  assert.equal(sockets[0].closed, 1000);
  assert.equal(sockets.length, 2);
});

test('an upgrade that never ends is given up', async () => {
  const { client, clock, sockets } = start();
  client.connect();
  await settle();
  await clock.advance(15_000 + 500);
  assert.equal(sockets.length, 2);
});

test('close says goodbye', async () => {
  const { client, clock, server, sockets } = start();
  client.connect();
  await server.open();
  client.close();
  assert.equal(server.take('session.close').id, 0);
  assert.equal(server.socket.closed, 1000);
  await clock.advance(60_000);
  assert.equal(sockets.length, 1);
});

test('a listener that throws does not stop the others', async () => {
  const { client, server } = start();
  const heard = [];
  const report = globalThis.reportError;
  globalThis.reportError = (error) => heard.push(error.message);
  client.on('typing', () => {
    throw new Error('mine');
  });
  client.on('typing', () => heard.push('still'));
  client.connect();
  await server.open();
  await server.push({ event: 'typing', topic: 'x', data: {} });
  globalThis.reportError = report;
  assert.deepEqual(heard, ['mine', 'still']);
});

test('uuids are version 4', () => {
  assert.match(uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
