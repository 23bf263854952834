import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCore } from './support.js';

test('two tasks with the same output are refused where they are defined, and nothing changes', () => {
  const { tasks } = openCore();
  tasks.define({ id: 'kept' });
  const shared = { code: 'DUPLICATE_OUTPUT', message: /"out" is an output of both "a" and "b"/ };
  const list = [
    { id: 'a', outputs: ['out'] },
    { id: 'b', outputs: ['other', 'out'] },
  ];
  assert.throws(() => tasks.define(list), shared);
  assert.throws(() => tasks.replaceAll(list), shared);
  assert.deepEqual(
    [...tasks.list()].map(({ id }) => id),
    ['kept'],
  );
  // What a glob matches is known only by a look at the folders, and a task may say a thing twice.
  tasks.replaceAll(['a', 'b'].map((id) => ({ id, outputs: [`out/${id}*`, id, id] })));
  const literal = ['a', 'b'].map((id) => ({ id, outputs: ['[x]'], literal: true }));
  assert.throws(() => tasks.replaceAll(literal), { code: 'DUPLICATE_OUTPUT' });
});

test('one pattern, or a path and something below it, are the same output, too', () => {
  for (const [one, other] of [
    [['dist/**'], ['dist/**']],
    [['dist'], ['./dist/a/b']],
    [['dist/a/b'], ['dist/']],
  ] as const) {
    const refused = { code: 'DUPLICATE_OUTPUT', path: other[0], tasks: ['a', 'b'] };
    const { tasks } = openCore();
    assert.throws(
      () =>
        tasks.define([
          { id: 'a', outputs: one },
          { id: 'b', outputs: other },
        ]),
      refused,
    );
    tasks.define({ id: 'a', outputs: one });
    assert.throws(() => tasks.define({ id: 'b', outputs: other }), refused);
    tasks.remove('a');
    tasks.define({ id: 'b', outputs: other });
  }
  openCore({ id: 'a', outputs: ['dist/**', '!dist/x'] }, { id: 'b', outputs: ['dist/**', 'o', 'o/p'] });
});

test('an output of a task that is there already is refused, as long as that task declares it', () => {
  const { tasks } = openCore({ id: 'a', outputs: ['out', 'glob/a*'] });
  const refused = { code: 'DUPLICATE_OUTPUT', message: /"out" is an output of both "a" and "b"/ };
  assert.throws(() => tasks.define({ id: 'b', outputs: ['out'] }), refused);
  assert.equal(tasks.has('b'), false);
  tasks.define({ id: 'c', outputs: ['other', 'glob/c*'] });
  assert.throws(() => tasks.define({ id: 'd', outputs: ['other'] }), { code: 'DUPLICATE_OUTPUT' });
  tasks.define({ id: 'd', outputs: ['glob/*'], literal: true });
  const twice = { code: 'DUPLICATE_OUTPUT', message: /"d" and "e"/ };
  assert.throws(() => tasks.define({ id: 'e', outputs: ['glob/*'], literal: true }), twice);
  // What was removed lets its outputs go, and its row holds another task soon; what could not be removed keeps them.
  tasks.define({ id: 'needs c', dependencies: ['c'] });
  assert.throws(() => tasks.remove(['a', 'c']), { code: 'TASK_NEEDED' });
  assert.throws(() => tasks.define({ id: 'b', outputs: ['out'] }), refused);
  tasks.remove('a');
  tasks.define({ id: 'f', outputs: ['new'] });
  tasks.define({ id: 'b', outputs: ['out'] });
  tasks.replaceAll([{ id: 'g', outputs: ['other'] }]);
  assert.throws(() => tasks.define({ id: 'h', outputs: ['other'] }), {
    code: 'DUPLICATE_OUTPUT',
    message: /"g" and "h"/,
  });
  tasks.define({ id: 'h', outputs: ['out', 'new'] });
});
