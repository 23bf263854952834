import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createRenderer } from '../../src/cli/render/index.js';
import { fakeContext, Recording, renderPlain, START } from './support.js';

type Line = Record<string, unknown>;

async function renderJson(recording: Recording): Promise<Line[]> {
  const { stdout } = await renderPlain(recording, { json: true });
  assert.ok(stdout.endsWith('\n'));
  return stdout
    .slice(0, -1)
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('the JSON events of a run', () => {
  test('are one object a line with v, seq, time and type first, run-finished last', async () => {
    const lines = await renderJson(
      new Recording()
        .started({ total: 1 })
        .start('a\n')
        .finish('a\n', { text: 'hi\n' })
        .add({ type: 'committed', through: 3 })
        .end({ total: 1, executed: 1 }),
    );
    assert.deepEqual(
      lines.map(({ type }) => type),
      ['run-started', 'task-started', 'task-finished', 'committed', 'run-finished'],
    );
    for (const [at, line] of lines.entries()) {
      assert.deepEqual(Object.keys(line).slice(0, 4), ['v', 'seq', 'time', 'type']);
      assert.equal(line.v, 1);
      assert.equal(line.seq, at + 1);
    }
    assert.equal(lines[0]?.time, START);
    assert.equal(lines[1]?.task, 'a\n');
    assert.deepEqual(lines[1]?.reason, { kind: 'never-ran' });
    assert.equal(lines[4]?.executed, 1);
  });

  test('carry output as text, and exactly if it is no UTF-8', async () => {
    const bytes = Buffer.from([0x68, 0x69, 0xff]);
    const [good, bad] = await renderJson(
      new Recording().finish('a', { text: 'grüße\u0000' }).finish('b', { output: bytes }),
    );
    assert.equal(good?.output, 'grüße\u0000');
    assert.ok(!('outputBase64' in good));
    assert.equal(bad?.output, 'hi\ufffd');
    assert.deepEqual(Buffer.from(String(bad?.outputBase64), 'base64'), bytes);
  });

  test('are undisturbed by what is for people', async () => {
    const context = fakeContext({ FORCE_COLOR: '1' });
    context.stdout.isTTY = true;
    using renderer = await createRenderer({ color: true, json: true }, context);
    renderer.notice('stopping…');
    renderer.warning('odd');
    assert.equal(context.stdout.text, '');
    assert.equal(context.stderr.text, 'millrace: stopping…\nmillrace: warning: odd\n');
  });
});
