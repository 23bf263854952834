import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { explain, finished, Project } from './rig.js';

const RULE = 'rule make\n  command = mkdir -p $$(dirname $out) && touch $out\n';

/** A path of so many bytes, of names that a file may have: half of it is of this character. */
function pathOf(bytes: number, character: string): string {
  const name = character.repeat(Math.floor(200 / Buffer.byteLength(character)));
  const start = `${name}/${name}/`;
  const rest = `${'y'.repeat(99)}/`.repeat(20);
  return `${start}${rest.slice(0, bytes - Buffer.byteLength(start) - 1)}z`;
}

describe('the id of a task', { concurrency: 2 }, () => {
  for (const character of ['x', '€']) {
    const id = pathOf(1024, character);
    const kinds = {
      'millrace.json': (name: string) => JSON.stringify({ tasks: { [name]: { command: 'true' } } }),
      'millrace.toml': (name: string) => `[tasks."${name}"]\ncommand = "true"\n`,
      'build.ninja': (name: string) => `${RULE}build ${name}: make\n`,
    };

    for (const [file, manifestOf] of Object.entries(kinds)) {
      test(`in ${file} is one of 1,024 bytes at most, also of ${character}`, async (t) => {
        const project = new Project(t, { [file]: manifestOf(id) });
        const first = await project.millrace(['run', '--json', id]);
        assert.equal(finished(first).get(id)?.outcome, 'executed', explain(first));
        const { tasks } = await project.json<{ tasks: { id: string; status: string }[] }>(['status', id]);
        assert.deepEqual(
          tasks.map((task) => [task.id, task.status]),
          [[id, 'Completed']],
        );
        project.write(file, manifestOf(`${id}y`));
        const result = await project.millrace(['run']);
        assert.equal(result.exitCode, 2, explain(result));
        assert.match(
          result.stderr,
          new RegExp(`^millrace: error: .*${file}:\\d+:\\d+: the (task id|path) ".*…" .* 1024`),
        );
      });
    }
  }
});

test('what is no text, and no number that there is, is refused with its place', async (t) => {
  const json = (task: string) => `{"tasks": {"a": {"command": "true", ${task}}}}`;
  const toml = (task: string) => `[tasks.a]\ncommand = "true"\n${task}\n`;
  const project = new Project(t);
  const cases: [file: string, text: string, message: RegExp][] = [
    ['millrace.json', '{"tasks": {"": {}}}', /json:1:12: the id of a task must not be empty/],
    ['millrace.json', '{"tasks": {"a\\ud800": {}}}', /json:1:12: the key "a\\ud800" is not valid Unicode/],
    ['millrace.json', '{"tasks": {"a\\u0000": {}}}', /json:1:12: the key "a\\u0000" holds a NUL/],
    ['millrace.json', json('"deps": ["\\udc00"]'), /json:1:46: the text is not valid Unicode/],
    ['millrace.json', json('"priority": 1e400'), /json:1:49: "priority" must be a whole number/],
    ['millrace.json', json('"timeout": -0'), /json:1:48: the timeout of task "a" must be more than 0/],
    ['millrace.json', json('"retries": -1'), /json:1:48: "retries" must not be negative/],
    ['millrace.toml', '[tasks."a\\uD800"]\n', /toml:1:.*Invalid code point D800/],
    ['millrace.toml', toml('priority = nan'), /toml:3:12: "priority" must be a whole number/],
    ['millrace.toml', toml('retries = inf'), /toml:3:11: "retries" must be a whole number/],
    ['millrace.toml', toml('timeout = -inf'), /toml:3:11: "timeout" must be a number of milliseconds/],
  ];
  for (const [file, text, message] of cases) {
    project.write(file, text);
    const result = await project.millrace(['run', '-f', file]);
    assert.equal(result.exitCode, 2, explain(result));
    assert.match(result.stderr, message);
  }
});
