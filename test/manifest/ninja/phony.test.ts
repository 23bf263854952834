import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readText, taskOf } from './support.js';

const RULE = 'rule r\n  command = c\n';

describe('a phony edge', () => {
  test('is a task without a command, with all dependencies, and the files that must be there', () => {
    const manifest = readText(`${RULE}build p: phony a s | b || c\nbuild a: r\nbuild b: r\nbuild c: r\n`);
    const files = { inputs: ['s'], literal: true };
    assert.deepEqual(taskOf(manifest, 'p'), { id: 'p', dependencies: ['a', 'b', 'c'], ...files });
  });

  test('each further output is a task that depends on the first', () => {
    const manifest = readText(`${RULE}build p q | s: phony a\nbuild a: r\nbuild x: r || s\ndefault q\n`);
    assert.deepEqual(taskOf(manifest, 'q'), { id: 'q', dependencies: ['p'] });
    assert.deepEqual(taskOf(manifest, 's'), { id: 's', dependencies: ['p'] });
    assert.deepEqual(taskOf(manifest, 'x').dependencies, ['p']);
    assert.deepEqual(manifest.defaults, ['p']);
  });

  test('may name itself as an input, as old CMake writes it', () => {
    const manifest = readText(`${RULE}build p: phony a p b | p c || p d\nbuild x: r p\n`);
    assert.deepEqual(taskOf(manifest, 'p').dependencies, []);
    assert.deepEqual(taskOf(manifest, 'x').inputs, ['a', 'b', 'c']);
    assert.deepEqual(taskOf(readText(`${RULE}build x: r p\nbuild p: phony p\n`), 'x').inputs, ['p']);
  });
});

test('a phony edge needs no file that is order-only, or that another one makes', () => {
  const manifest = readText(`${RULE}build p: phony a q || s\nbuild a: r\nbuild q: phony\n`);
  assert.deepEqual(taskOf(manifest, 'p'), { id: 'p', dependencies: ['a', 'q'] });
});

describe('an input that a phony edge makes', () => {
  const inputsOf = (text: string) => taskOf(readText(RULE + text), 'x').inputs;

  test('gives way to the files behind it, in order, without repetition', () => {
    const text = 'build x: r a p b | q\nbuild p: phony c q | d || e\nbuild q: phony b f\nbuild f: r\n';
    assert.deepEqual(inputsOf(text), ['a', 'c', 'b', 'f', 'd']);
    assert.deepEqual(taskOf(readText(RULE + text), 'x').dependencies, ['p', 'q']);
  });

  test('stays if the phony has no inputs: the file may be missing', () => {
    assert.deepEqual(inputsOf('build x: r p q\nbuild p f: phony\nbuild q: phony f\n'), ['p', 'f']);
  });

  test('goes without a trace if the phony has order-only inputs alone, or is order-only itself', () => {
    assert.deepEqual(inputsOf('build x: r a p || q\nbuild p: phony || c\nbuild q: phony d\n'), ['a']);
  });

  test('is read from what is known of phony edges inside others', () => {
    const text = 'build y: r p\nbuild x: r q p\nbuild q: phony p c\nbuild p: phony a b\n';
    assert.deepEqual(inputsOf(text), ['a', 'b', 'c']);
  });

  test('phony edges in a circle end; the task table finds the circle', () => {
    assert.deepEqual(inputsOf('build x: r p\nbuild p: phony q a\nbuild q: phony p b\n'), ['a', 'b']);
  });

  test('a chain of 100,000 phony edges is followed without a stack of that depth', () => {
    const chain = Array.from(
      { length: 100_000 },
      (_, index) => `build p${index}: phony p${index + 1} f${index}\n`,
    );
    const inputs = inputsOf(`build x: r p0\n${chain.join('')}`)!;
    assert.equal(inputs.length, 100_001);
    assert.equal(inputs[0], 'p100000');
    assert.equal(inputs.at(-1), 'f0');
  });
});
