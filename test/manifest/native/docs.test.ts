import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keysAt } from '../../../src/manifest/native/schema.js';
import { readToml, task } from './support.js';

const text = readFileSync(new URL('../../../../docs/MANIFEST.md', import.meta.url), 'utf8');
const examples = [...text.matchAll(/^```toml\n(.*?)^```$/gms)].map((match) => match[1]!);

test('every example of the documentation can be read', () => {
  assert.ok(examples.length >= 4);
  for (const example of examples) readToml(example);
});

test('the documentation shows what becomes of a template', () => {
  const { command } = task(readToml(examples.find((example) => example.includes('tasks.util'))!), 'util');
  assert.ok(text.includes(`The command of \`util\` becomes \`${command}\``));
});

test('the documentation names every key', () => {
  for (const path of [[], ['tasks', 'x'], ['templates', 'x'], ['matrix', 0]]) {
    for (const key of keysAt(path)) assert.ok(text.includes(`\`${key}\``), `${key} is missing`);
  }
});
