import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { explain, type Project, started } from './rig.js';

/** A static library of four sources, one of them generated, a shared library, a program that uses both, and a target that is always run. */
const SOURCES: Readonly<Record<string, string>> = {
  'CMakeLists.txt': `cmake_minimum_required(VERSION 3.16)
project(demo C)
add_custom_command(
  OUTPUT \${CMAKE_CURRENT_BINARY_DIR}/table.c
  COMMAND sh \${CMAKE_CURRENT_SOURCE_DIR}/table.sh < \${CMAKE_CURRENT_SOURCE_DIR}/table.txt > table.c
  DEPENDS table.sh table.txt
  COMMENT "Generating table.c")
add_library(core STATIC core.c util.c extra.c \${CMAKE_CURRENT_BINARY_DIR}/table.c)
target_include_directories(core PUBLIC include)
add_library(plug SHARED plug.c)
set_target_properties(plug PROPERTIES VERSION 1.2.3 SOVERSION 1)
add_subdirectory(app)
add_custom_target(report ALL COMMAND demo > report.txt DEPENDS demo)
`,
  'app/CMakeLists.txt': `add_executable(demo main.c "with space.c")
target_link_libraries(demo core plug)
`,
  'include/core.h': '#define FACTOR 3\nint core(int x);\n',
  'include/util.h': '#include "limits.h"\nint util(int x);\nint extra(void);\nextern const int table[];\n',
  'include/limits.h': '#define LIMIT 100\n',
  'core.c': '#include "core.h"\n#include "util.h"\nint core(int x) { return util(x * FACTOR + table[0]); }\n',
  'util.c': '#include "util.h"\nint util(int x) { return x > LIMIT ? LIMIT : x; }\n',
  'extra.c': 'int extra(void) { return 7; }\n',
  'plug.c': 'int plug(void) { return 5; }\n',
  'app/main.c': `#include <stdio.h>
#include "core.h"
int extra(void);
int spaced(void);
int plug(void);
int main(void) { printf("%d %d %d %d %d\\n", FACTOR, core(5), extra(), spaced(), plug()); return 0; }
`,
  'app/with space.c': 'int spaced(void) { return 9; }\n',
  'table.txt': '41\n',
  'table.sh': 'read value\necho "const int table[] = {$value};"\n',
};

const TOOLS: readonly (readonly [program: string, debianPackage: string])[] = [
  ['cmake', 'cmake'],
  ['ninja', 'ninja-build'],
  ['cc', 'gcc'],
];

/** What each of the two tools keeps for itself. */
const NOTES = /^(\.ninja_log|\.ninja_deps|\.millrace(\/.*)?)$/;

/** Fails with advice if a tool is missing. */
export function requireTools(): void {
  const missing = TOOLS.filter(([program]) => spawnSync(program, ['--version']).status !== 0);
  const packages = missing.map(([, name]) => name).join(' ');
  assert.equal(packages, '', `This test needs tools that are not installed: apt-get install ${packages}`);
}

/** Marks the lines of ninja's log that were read: the time in ms when the edge began, which ninja itself never looks at. */
const SEEN = '2000000000';

type Builder = 'ninja' | 'millrace';

/**
 * Two copies of a configured CMake project. Each is built by its own tool, but always in the same place, so that every file
 * can be compared: the other copy is out of the way meanwhile.
 */
export class Twins {
  private readonly project: Project;
  private active: Builder = 'ninja';

  private constructor(project: Project) {
    this.project = project;
  }

  static async configure(project: Project): Promise<Twins> {
    for (const [path, content] of Object.entries(SOURCES)) project.write(`work/${path}`, content);
    const configure = [
      'cmake',
      '-S',
      'work',
      '-B',
      'work/out',
      '-G',
      'Ninja',
      '-DCMAKE_BUILD_TYPE=Release',
    ] as const;
    // What CMake writes at first and when it has the answers in its cache already differs in details.
    for (let round = 0; round < 2; round++) {
      const result = await project.spawn([...configure]).result;
      assert.equal(result.exitCode, 0, explain(result));
    }
    cpSync(project.path('work'), project.path('millrace'), { recursive: true, preserveTimestamps: true });
    return new Twins(project);
  }

  /** Writes a source of both copies. */
  write(path: string, change: (content: string) => string): void {
    for (const builder of ['ninja', 'millrace'] as const) {
      this.activate(builder);
      this.project.write(
        `work/${path}`,
        change(existsSync(this.path(path)) ? readFileSync(this.path(path), 'utf8') : ''),
      );
    }
  }

  /** Builds with ninja. @returns the first outputs of the edges that ran, sorted */
  async ninja(ids: ReadonlySet<string>): Promise<string[]> {
    this.activate('ninja');
    const result = await this.project.spawn(['ninja', '-C', 'work/out']).result;
    assert.equal(result.exitCode, 0, explain(result));
    const log = this.path('out/.ninja_log');
    const [version, ...edges] = readFileSync(log, 'utf8').trimEnd().split('\n');
    const fields = edges.map((edge) => edge.split('\t'));
    const outputs = fields.filter(([start]) => start !== SEEN).map((edge) => edge[3]!);
    // An edge that runs again in the same milliseconds has the same line once more, and ninja drops old lines now and then.
    const seen = fields.map(([, ...rest]) => [SEEN, ...rest].join('\t'));
    writeFileSync(log, `${[version, ...seen].join('\n')}\n`);
    return [...new Set(outputs.filter((output) => ids.has(output)))].sort();
  }

  /** Builds with millrace. @returns the tasks that were started, sorted */
  async millrace(): Promise<string[]> {
    this.activate('millrace');
    const result = await this.project.millrace(['run', '--json', '-C', 'work/out']);
    assert.equal(result.exitCode, 0, explain(result));
    assert.equal(result.stderr, '');
    return [...started(result).keys()].sort();
  }

  /** The ids of all tasks. */
  async ids(): Promise<Set<string>> {
    this.activate('millrace');
    const { tasks } = await this.project.json<{ tasks: { id: string }[] }>(['graph', '-C', 'work/out']);
    return new Set(tasks.map(({ id }) => id));
  }

  /** Builds both and checks that all files are equal. @returns what was started by each */
  async build(): Promise<Record<Builder, string[]>> {
    const millrace = await this.millrace();
    const ninja = await this.ninja(await this.ids());
    assert.deepEqual(this.files('millrace'), this.files('ninja'));
    return { ninja, millrace };
  }

  /** What the program printed when it was built last. */
  report(): string {
    return readFileSync(this.path('out/report.txt'), 'utf8');
  }

  /** The files of a build, by name: their digests. */
  private files(builder: Builder): Record<string, string> {
    this.activate(builder);
    const root = this.path('out');
    const entries = readdirSync(root, { recursive: true, withFileTypes: true });
    const paths = entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name));
    const named = paths
      .map((path) => [relative(root, path), path] as const)
      .filter(([name]) => !NOTES.test(name));
    return Object.fromEntries(named.sort().map(([name, path]) => [name, hash('sha256', readFileSync(path))]));
  }

  private path(path: string): string {
    return this.project.path('work', path);
  }

  private activate(builder: Builder): void {
    if (builder === this.active) return;
    renameSync(this.project.path('work'), this.project.path(this.active));
    renameSync(this.project.path(builder), this.project.path('work'));
    this.active = builder;
  }
}
