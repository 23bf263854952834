import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NameTable } from '../../src/memory/names.js';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

const ALPHABET = ['a', 'b', '/', '.', ' ', 'é', '→', '😀', '\n', '\u0001'];

test('names behave as a Map does, through removals, growth and sweeps', (t) => {
  const random = randomFrom(chooseSeed(t));
  const pick = (below: number): number => Math.floor(random() * below);
  const names = NameTable.create('test', 2 ** 16);
  const attached = NameTable.from(names.handle());
  const model = new Map<string, number>();
  const nameOf: (string | undefined)[] = [];
  const free: number[] = [];
  for (let step = 0; step < 60_000; step++) {
    if (step % 9000 === 0) names.compact(nameOf.length);
    const name = Array.from({ length: 1 + pick(5) }, () => ALPHABET[pick(ALPHABET.length)]).join('');
    const known = model.get(name);
    assert.equal(names.find(name), known ?? -1);
    assert.equal(attached.find(name), known ?? -1);
    if (known !== undefined && random() < 0.6) {
      names.remove(known);
      model.delete(name);
      nameOf[known] = undefined;
      free.push(known);
      continue;
    }
    const row = free.pop() ?? nameOf.length;
    names.reserve(row + 1);
    assert.equal(names.insert(name, row), known ?? -1);
    if (known !== undefined) {
      free.push(row);
    } else {
      model.set(name, row);
      nameOf[row] = name;
    }
  }
  nameOf.forEach((name, row) => {
    assert.equal(names.nameOf(row), name ?? '');
    assert.equal(attached.nameOf(row), name ?? '');
  });
  for (const [name, row] of model) assert.equal(attached.find(name), row);
});

test('names with equal hashes are told apart', () => {
  const names = NameTable.create('test', 2 ** 20);
  const hashes = new Map<number, string>();
  const pairs: [string, string][] = [];
  for (let index = 0; pairs.length < 3; index++) {
    const name = `n${index}`;
    const hash = fnv1a(name);
    const other = hashes.get(hash);
    if (other !== undefined) pairs.push([other, name]);
    hashes.set(hash, name);
  }
  pairs.flat().forEach((name, row) => {
    assert.equal(names.insert(name, row), -1);
  });
  names.remove(0);
  pairs.flat().forEach((name, row) => {
    assert.equal(names.find(name), row === 0 ? -1 : row);
  });
});

/** The hash of the table before its final mix, which keeps different hashes different. */
function fnv1a(name: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return hash;
}

test('what can be no name is refused, and never found', () => {
  const names = NameTable.create('test', 16);
  for (const name of ['', 'a\0b', '\ud800', 'x'.repeat(4097), 'é'.repeat(2049), 'é\0']) {
    assert.throws(() => names.insert(name, 0), { code: 'INVALID_ARGUMENT' });
    assert.equal(names.find(name), -1);
  }
  const longest = 'é'.repeat(2048);
  names.insert(longest, 0);
  assert.equal(names.nameOf(0), longest);
});

test('a view attached before growth reads a name that lies across its end', () => {
  const names = NameTable.create('test', 2 ** 16);
  const attached = NameTable.from(names.handle());
  const long = (row: number): string => `${row}`.padEnd(1000, 'y');
  for (let row = 0; row < 200; row++) names.insert(long(row), row);
  for (let row = 0; row < 200; row++) assert.equal(attached.nameOf(row), long(row));
});
