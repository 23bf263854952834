import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ManifestError } from '../../../src/errors.js';
import type { Manifest } from '../../../src/manifest/manifest.js';
import { readText } from './support.js';

const SEED = Number(process.env.MILLRACE_SEED ?? 20_260_101);

const VALID = `ninja_required_version = 1.5
pool link
  depth = 2
include rules
x = a$\n  b $$ $: \${y}
rule cc
  command = cc $in -o $out $flags
  depfile = $out.d
  deps = gcc
  description = CC $out
rule ld
  command = ld @$out.rsp
  rspfile = $out.rsp
  rspfile_content = $in_newline
  pool = link
build a.o | a.d2: cc a.c | a.h || gen
  flags = -O$x
build b.o: cc ./b//c/../b.c
build app: ld a.o b.o | objs
build objs: phony a.o b.o
build gen g2: phony
subninja sub
build all: phony app gen
  pool = console
default all $y b.o
`;
const INCLUDED = { rules: 'y = app\nrule r\n  command = $y\n', sub: 'build s: r\n  y = 2\n' };

const PIECES = [
  '$',
  ':',
  '|',
  '||',
  '|@',
  ' ',
  '  ',
  '\n',
  '\r\n',
  '\t',
  '=',
  '\0',
  '${',
  '}',
  '#',
  'build ',
  'rule ',
];
const MORE_PIECES = [
  'phony',
  'pool = ',
  'default ',
  'include sub\n',
  'subninja rules\n',
  'x = $x$x\n',
  '/',
  '..',
  'é',
];
const ALL_PIECES = [...PIECES, ...MORE_PIECES].map((piece) => Buffer.from(piece));

/** A linear congruential generator: integers in [0, bound). */
function generator(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * bound);
  };
}

/** What every reader promises about a manifest. */
function check({ tasks, defaults }: Manifest): void {
  const ids = new Set(tasks.map((task) => task.id));
  assert.equal(ids.size, tasks.length);
  for (const { dependencies = [] } of tasks) for (const id of dependencies) assert.ok(ids.has(id));
  for (const id of defaults) assert.ok(ids.has(id));
}

/** Whether the bytes are a manifest; anything but a ManifestError comes through. */
function isManifest(bytes: Buffer): boolean {
  try {
    check(readText(bytes, INCLUDED));
    return true;
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    assert.ok(error.line >= 1 && error.column >= 1);
    return false;
  }
}

function mutate(bytes: Buffer, random: (bound: number) => number): Buffer {
  const at = random(bytes.length + 1);
  const end = Math.min(bytes.length, at + random(12));
  const piece = ALL_PIECES[random(ALL_PIECES.length)]!;
  switch (random(4)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.from([random(256)]), bytes.subarray(at + 1)]);
  }
}

describe(`damaged manifests (MILLRACE_SEED=${SEED})`, () => {
  test('the undamaged one is read', () => assert.ok(isManifest(Buffer.from(VALID))));

  test('a manifest cut off anywhere', () => {
    const bytes = Buffer.from(VALID);
    for (let length = 0; length < bytes.length; length++) isManifest(bytes.subarray(0, length));
  });

  test('changed in a few places', () => {
    const random = generator(SEED);
    let good = 0;
    for (let round = 0; round < 5_000; round++) {
      let bytes: Buffer = Buffer.from(VALID);
      for (let change = random(4); change >= 0; change--) bytes = mutate(bytes, random);
      if (isManifest(bytes)) good++;
    }
    assert.ok(good > 100 && good < 4_900, `${good} of 5000 are manifests still`);
  });

  test('random pieces and random bytes', () => {
    const random = generator(SEED + 1);
    for (let round = 0; round < 2_000; round++) {
      const pieces = Array.from({ length: random(60) }, () =>
        random(8) === 0 ? Buffer.from([random(256)]) : ALL_PIECES[random(ALL_PIECES.length)]!,
      );
      isManifest(Buffer.concat(pieces));
    }
  });
});
