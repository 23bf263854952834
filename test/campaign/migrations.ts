import { execFile } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { statePaths } from '../../src/store/paths.js';

const MAKE_OLDER = fileURLToPath(new URL('./make-older.js', import.meta.url));

/** What a migration leaves on its way. */
const TRACES = /^(draft|store\.replaced|backups\/)/;

/** Makes a state older, so that runs migrate it, and knows how far they have come. */
export class Migrations {
  private readonly stateDirectory: string;
  private count = 0;
  /** Whether the next run has to migrate. */
  isDue = false;
  private before = { traces: '', migrated: 0 };
  /** Kills in the midst of a migration. */
  interrupted = 0;

  constructor(stateDirectory: string) {
    this.stateDirectory = stateDirectory;
  }

  /** True once a state was made older: it may still be so, and then only who writes looks into it. */
  get hasMade(): boolean {
    return this.count > 0;
  }

  /** Makes the state one that an older millrace has left, if that can be; nobody may have it open. */
  async makeOlder(): Promise<void> {
    if (!existsSync(statePaths(this.stateDirectory).data)) return;
    const { stdout } = await promisify(execFile)(process.execPath, [MAKE_OLDER, this.stateDirectory]);
    if (stdout !== 'made') return;
    this.count++;
    this.isDue = true;
  }

  /** To be called before runs are started. */
  begin(): void {
    if (this.isDue) this.before = this.look();
  }

  /** To be called after a run was killed. */
  end(): void {
    if (!this.isDue) return;
    const { migrated, traces } = this.look();
    this.isDue = migrated === this.before.migrated;
    if (this.isDue && traces !== this.before.traces) this.interrupted++;
  }

  /** A copy of the state, for who looks at it as the next run would: the state itself is left to that one. */
  copy(): string {
    const copy = `${this.stateDirectory}.copy`;
    rmSync(copy, { recursive: true, force: true });
    cpSync(this.stateDirectory, copy, { recursive: true });
    return copy;
  }

  private look(): { readonly traces: string; readonly migrated: number } {
    const names = readdirSync(this.stateDirectory, { recursive: true }).map(String);
    const log = names.includes('log/millrace.log')
      ? readFileSync(join(this.stateDirectory, 'log/millrace.log'), 'utf8')
      : '';
    const traces = names.filter((name) => TRACES.test(name)).sort();
    return { traces: traces.join(), migrated: log.split('"event":"migrated"').length - 1 };
  }
}
