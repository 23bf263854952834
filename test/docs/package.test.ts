import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

// dist/test/docs/package.test.js → the project, and what is built beside this test.
const HERE = dirname(fileURLToPath(import.meta.url));
const ROOT = join(HERE, '../../..');
const SOURCES = join(HERE, '../../src');

interface Package {
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

test('tsc is the native one, although the reference needs another', () => {
  const bin = join(ROOT, 'node_modules/.bin/tsc');
  assert.equal(realpathSync(bin), realpathSync(join(ROOT, 'node_modules/@typescript/native/bin/tsc')));
});

test('the package has what it names, and nothing that leads out of it', () => {
  const pack = ['pack', '--dry-run', '--ignore-scripts', '--json'];
  const [packed] = JSON.parse(execFileSync('npm', pack, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }));
  const files: string[] = packed.files.map(({ path }: { path: string }) => `./${path}`);
  const { bin, exports } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as Package;
  const named = [bin, ...Object.values(exports)].flatMap((entry) =>
    typeof entry === 'string' ? entry : Object.values(entry),
  );
  for (const path of [
    ...named,
    './dist/bundle/workers/files.cjs',
    './dist/bundle/workers/functions.cjs',
    './dist/bundle/lib/verify-process.js',
  ]) {
    assert.ok(files.includes(path), path);
  }
  // What runs is bundled; a map names the sources, which are not in the package.
  assert.deepEqual(
    files.filter((path) => /\.map$|\/src\/.*(?<!\.d\.ts)$|\/src\/cli\/|\/test\/|\/bench\//.test(path)),
    [],
  );
});

test('what millrace builds itself with is there', () => {
  const manifest = readFileSync(join(ROOT, 'millrace.toml'), 'utf8');
  const scripts = [...manifest.matchAll(/node (dist\/\S+\.js)/g)].map(([, path]) => path!);
  assert.ok(scripts.length > 0);
  for (const path of scripts) assert.ok(existsSync(join(ROOT, path)), path);
});

test('what is installed is pinned by its digest', () => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Readonly<Record<string, { readonly integrity?: string }>>;
  };
  const loose = Object.entries(packages).filter(
    ([name, { integrity }]) => name !== '' && !integrity?.startsWith('sha512-'),
  );
  assert.deepEqual(loose, []);
});

test('the types suit a strict program, and hide what is internal', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-types-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const home = join(folder, 'node_modules/millrace');
  mkdirSync(join(home, 'dist'), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(home, 'package.json'));
  symlinkSync(SOURCES, join(home, 'dist/src'));
  symlinkSync(join(ROOT, 'node_modules/@types'), join(folder, 'node_modules/@types'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const [, example] = /```js\n(.*?)```/s.exec(readFileSync(join(ROOT, 'README.md'), 'utf8'))!;
  writeFileSync(join(folder, 'example.ts'), example!);
  writeFileSync(
    join(folder, 'internal.ts'),
    `import { openState } from 'millrace';
    // @ts-expect-error
    const state = await openState({ directory: '.', lazy: true });
    // @ts-expect-error
    state.opened;`,
  );
  writeFileSync(
    join(folder, 'remote.ts'),
    `import { MessageChannel } from 'node:worker_threads';
    import { provide } from 'millrace/remote';
    const { port1 } = new MessageChannel();
    provide(port1, { same: <T>(x: T) => x, maybe: (x?: string) => x ?? null, stop: () => 1 });
    interface Api { add(a: number, b: number): number }
    provide<Api>(port1, { add: (a, b) => a + b });
    // @ts-expect-error
    provide(port1, { a: 5 });`,
  );
  const options = ['--strict', '--noEmit', '--skipLibCheck', 'false', '--module', 'nodenext'];
  const tsc = join(ROOT, 'node_modules/@typescript/native/bin/tsc');
  const { status, stdout } = spawnSync(
    process.execPath,
    [tsc, ...options, '--types', 'node', 'example.ts', 'internal.ts', 'remote.ts'],
    { cwd: folder, encoding: 'utf8' },
  );
  assert.deepEqual([status, stdout], [0, '']);
});
