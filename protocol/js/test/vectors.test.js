import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { start } from './server.js';

const folder = new URL('../../vectors/', import.meta.url);
const vectors = readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .flatMap((file) => JSON.parse(readFileSync(new URL(file, folder))));
const ofKind = (kind) => vectors.filter((vector) => vector.kind === kind);

test('there are golden frames of each kind', () => {
  const kinds = [...new Set(vectors.map(({ kind }) => kind))].sort();
  assert.deepEqual(kinds, ['command', 'push', 'reply']);
});

for (const { name, json } of ofKind('command')) {
  if (name === 'session.open') continue;
  test(`the command ${name} is written as it should be`, async () => {
    const { client, server } = start();
    client.connect();
    await server.open();
    client.call(json.method, json.params).catch(() => {});
    const { id, ...rest } = server.take(json.method);
    assert.ok(Number.isInteger(id));
    assert.deepEqual(rest, { method: json.method, params: json.params ?? {} });
  });
}

for (const { name, json } of ofKind('reply').filter((vector) => vector.json.id !== undefined)) {
  test(`the reply to ${name} is understood`, async () => {
    const { client, server } = start();
    client.connect();
    await server.open();
    const call = client.call('ping');
    const { id } = server.take('ping');
    await server.push({ ...json, id });
    if (json.error) {
      const { code, retryable, retry_after_ms, detail } = json.error;
      await assert.rejects(call, { code, retryable, retry_after_ms, detail });
    } else assert.deepEqual(await call, json.result);
  });
}

for (const { name, json } of ofKind('push')) {
  test(`${name} is delivered as it was pushed`, async () => {
    const { client, server } = start();
    const heard = [];
    client.on(json.event, (push) => heard.push(push));
    client.connect();
    await server.open();
    await server.push(json);
    assert.deepEqual(heard, [json]);
  });
}
