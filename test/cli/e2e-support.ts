import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../../bundle/cli/main.cjs', import.meta.url));

export interface CliResult {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A folder with files, in which the real command line runs; removed at the end of the test. */
export class Workspace {
  readonly folder: string;

  constructor(t: TestContext, files: Readonly<Record<string, string>>) {
    this.folder = mkdtempSync(join(tmpdir(), 'millrace-cli-'));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
    for (const [path, content] of Object.entries(files)) this.write(path, content);
  }

  path(path: string): string {
    return join(this.folder, path);
  }

  write(path: string, content: string): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), content);
  }

  spawn(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcessByStdio<null, Readable, Readable> {
    const { NO_COLOR: _1, FORCE_COLOR: _2, CI: _3, ...inherited } = process.env;
    return spawn(process.execPath, [MAIN, ...args], {
      cwd: this.folder,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  }

  async millrace(...args: string[]): Promise<CliResult> {
    return await resultOf(this.spawn(args));
  }
}

export async function resultOf(child: ChildProcessByStdio<null, Readable, Readable>): Promise<CliResult> {
  const [stdout, stderr, [exitCode]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { exitCode: exitCode as number | null, stdout, stderr };
}
