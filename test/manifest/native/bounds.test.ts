import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNative } from '../../../src/manifest/native/index.js';
import { assertRefused, readJson, readToml } from './support.js';

test('nesting is bounded', () => {
  const nested = (depth: number) => `{"data": ${'['.repeat(depth)}${']'.repeat(depth)}}`;
  assertRefused(() => readJson(nested(63)), { at: '1:2', message: /unknown key "data"/, hint: /known here/ });
  assertRefused(() => readJson(nested(64)), { at: '1:73', message: /nested more than 64 deep/ });
  assertRefused(() => readJson(nested(1_000_000)), { at: '1:73', message: /nested more than 64 deep/ });
  const inToml = (depth: number) => `data = ${'['.repeat(depth)}${']'.repeat(depth)}`;
  assertRefused(() => readToml(inToml(63)), { at: '1:1', message: /unknown key "data"/, hint: /known here/ });
  assertRefused(() => readToml(inToml(64)), { at: '1:71', message: /nested more than 64 deep/ });
  assertRefused(() => readToml(inToml(50_000)), { at: '1:1', message: /nested too deeply/, hint: /json/ });
  assertRefused(() => readToml(`a${'.a'.repeat(10_000)} = 1`), {
    at: '1:127',
    message: /nested more than 64 deep/,
  });
});

test('size is bounded', () => {
  const spaces = (megabytes: number) => ' '.repeat(megabytes * 2 ** 20 + 1);
  assertRefused(() => readJson(spaces(64)), { at: '1:1', message: /too large: the limit is 64 MiB/ });
  assertRefused(() => readToml(spaces(8)), {
    at: '1:1',
    message: /limited to 8 MiB/,
    hint: /millrace\.json/,
  });
  assertRefused(() => readToml(`default = [${'"",'.repeat(2 ** 20)}]`), {
    at: '1:1',
    message: /and 1048576 values/,
    hint: /millrace\.json/,
  });
  assertRefused(() => readJson(`{"default": [${'1,'.repeat(2 ** 22)}1]}`), {
    at: `1:${13 + 2 ** 23}`,
    message: /more than 4194304 values/,
  });
});

test('a text may be long, but in TOML not as long as the stack of its parser', () => {
  const long = 'x'.repeat(1_000_000);
  assert.equal(readJson({ tasks: { a: { description: long } } }).tasks[0]?.description, long);
  assertRefused(() => readToml(`tasks.a.description = "${long}"`), {
    at: '1:1',
    message: /too long/,
    hint: /json/,
  });
});

test('bytes that are not UTF-8, and files that can not be read', () => {
  const bytes = Buffer.from('{"tasks":\n {"\xff": {}}}', 'latin1');
  assertRefused(() => readNative('/project/millrace.json', () => bytes), { at: '2:4', message: /not UTF-8/ });
  assertRefused(
    () =>
      readNative('/project/millrace.toml', () => {
        throw Object.assign(new Error('EACCES'), { errno: -13 });
      }),
    { at: '1:1', message: /cannot read .*permission denied/ },
  );
});

test('a large manifest with as many errors is one error', () => {
  const tasks = Object.fromEntries(
    Array.from({ length: 5_000 }, (_, index) => [`task${index}`, { deps: [`tusk${index}`], retrie: 1 }]),
  );
  assertRefused(() => readJson({ tasks }), {
    at: '1:37',
    message: /unknown key "retrie"/,
    hint: /"retries"/,
  });
  for (const definition of Object.values(tasks)) Reflect.deleteProperty(definition, 'retrie');
  assertRefused(() => readJson({ tasks }), {
    at: '1:28',
    message: /no task is named "tusk0"/,
    hint: /"task0"/,
  });
  assert.equal(Object.keys(tasks).length, 5_000);
});
