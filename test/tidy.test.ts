import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

// dist/test/tidy.test.js → the project.
const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');

/** What the files of a folder of src may import from src, beside their own folder. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  memory: ['errors', 'task'],
  graph: ['errors', 'task', 'values', 'memory'],
  tasks: ['errors', 'hint', 'output-claims', 'task', 'values', 'memory', 'graph'],
  artifacts: [
    'errors',
    'make-folder',
    'paths',
    'process-stat',
    'sha256',
    'sync-folder',
    'task',
    'thread',
    'values',
    'memory',
    'tasks',
  ],
  store: [
    'descriptors',
    'errors',
    'make-folder',
    'marked-processes',
    'process-limits',
    'process-stat',
    'sha256',
    'sync-folder',
    'task',
    'values',
    'memory',
    'graph',
    'tasks',
    'artifacts',
  ],
  manifest: ['errors', 'hint', 'output-claims', 'paths', 'task', 'values'],
  engine: [
    'process-limits',
    'descriptors',
    'errors',
    'hint',
    'make-folder',
    'marked-processes',
    'paths',
    'process-stat',
    'sha256',
    'task',
    'values',
    'memory',
    'graph',
    'tasks',
    'artifacts',
    'store',
    'manifest',
    'state',
    'thread',
  ],
  export: [
    'paths',
    'errors',
    'first-error',
    'make-folder',
    'sha256',
    'task',
    'values',
    'memory',
    'tasks',
    'artifacts',
    'store',
    'engine',
    'state',
  ],
  sync: ['errors', 'values', 'memory'],
  errors: [],
  'first-error': [],
  hint: ['errors'],
  'output-claims': [],
  'make-folder': [],
  'process-limits': [],
  descriptors: ['process-limits'],
  'marked-processes': [],
  paths: [],
  'process-stat': [],
  sha256: [],
  'sync-folder': [],
  task: [],
  thread: ['errors'],
  values: ['errors', 'hint'],
};

/** The one place in src where a package is imported; what checks data from outside is needed where it comes in. */
const HOME: Readonly<Record<string, string | readonly string[]>> = {
  lmdb: 'store',
  msgpackr: 'store',
  zod: ['manifest', 'artifacts', 'export'],
  piscina: 'thread',
  comlink: 'remote',
  'smol-toml': 'export',
  tinyglobby: 'artifacts',
  commander: 'cli',
  'log-update': 'cli',
  picocolors: 'cli',
};

const MAX_FILE_LINES = 400;

interface SourceFile {
  /** Relative to the project, `/`-separated. */
  readonly path: string;
  readonly text: string;
}

function sources(...folders: string[]): SourceFile[] {
  return folders
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && /\.c?ts$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }));
}

/** What a file imports, statically or not: as written. */
function imports({ text }: SourceFile): string[] {
  return [...text.matchAll(/(?:from|import|import\(|require\)?\()\s*'([^']+)'/g)].map((match) => match[1]!);
}

/** The part of src that a path belongs to: a folder, or a file on top. */
function partOf(path: string): string {
  return path.split('/')[1]!.replace(/\.[jt]s$/, '');
}

test('imports go in one direction', () => {
  const wrong: string[] = [];
  for (const file of sources('src')) {
    const part = partOf(file.path);
    for (const name of imports(file).filter((name) => name.startsWith('.'))) {
      const target = join(dirname(file.path), name);
      if (!target.startsWith('src/') || partOf(target) === part) continue;
      const allowed = MAY_IMPORT[part];
      if (allowed !== undefined && !allowed.includes(partOf(target))) wrong.push(`${file.path} → ${target}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('a package is imported in one place', () => {
  const wrong: string[] = [];
  for (const file of sources('src')) {
    for (const name of imports(file)) {
      const home = HOME[name];
      if (home !== undefined && ![home].flat().includes(partOf(file.path)))
        wrong.push(`${file.path} → ${name}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('every file of src is used', () => {
  const files = sources('src', 'workers');
  const imported = new Set(
    files.flatMap((file) =>
      imports(file).map((name) => join(dirname(file.path), name).replace(/\.js$/, '.ts')),
    ),
  );
  // An entry of a process, a thread or the package is named as a file.
  const naming = [...files.map(({ text }) => text), readFileSync(join(ROOT, 'package.json'), 'utf8')];
  const isNamed = (path: string) =>
    naming.some((text) => text.includes(`/${basename(path).replace(/ts$/, 'js')}`));
  const dead = files.map(({ path }) => path).filter((path) => !imported.has(path) && !isNamed(path));
  assert.deepEqual(dead, []);
});

test('all words that threads share go through one module', () => {
  const found = sources('src', 'workers').filter(({ text }) => /\bAtomics\.\w+\(/.test(text));
  assert.deepEqual(
    found.map(({ path }) => path),
    [],
  );
});

test('LMDB is written in one way: its other transactions run asynchronous bodies, or block', () => {
  const found = sources('src', 'workers').flatMap(({ path, text }) =>
    [
      ...text.matchAll(
        /\b(?:lmdb|db|root)\.(?:transaction|transactionSync|transactionAsync|batch|ifNoExists|ifVersion)\(/g,
      ),
    ].map(([call]) => `${path}: ${call}`),
  );
  assert.deepEqual(found, []);
});

test('files are short', () => {
  const long = sources('src', 'workers', 'test', 'bench')
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > MAX_FILE_LINES);
  assert.deepEqual(long, []);
});

test('no path of a machine is in the sources', () => {
  const pattern = new RegExp(['/home/', '/root/', '/Users/'].map((path) => `${path}[a-z]`).join('|'));
  const found = sources('src', 'workers', 'bench').filter(({ text }) => pattern.test(text));
  assert.deepEqual(
    found.map(({ path }) => path),
    [],
  );
});
