import picocolors from 'picocolors';
import type { Context } from '../context.js';
import type { GlobalOptions } from '../options.js';
import { JsonRenderer } from './json.js';
import { PlainRenderer } from './plain.js';
import { Printer } from './printer.js';
import { Progress } from './progress.js';
import type { Renderer } from './renderer.js';
import type { ReportOptions } from './report.js';

/** Lines of a terminal whose size is unknown. */
const DEFAULT_ROWS = 24;

/** The renderer that suits the options and what stdout is. */
export async function createRenderer(options: GlobalOptions, context: Context): Promise<Renderer> {
  if (options.json) return new JsonRenderer(context);
  const interactive = isInteractive(context);
  const report: ReportOptions = {
    printer: new Printer(context.stdout, context.stderr),
    progress: new Progress(),
    colors: picocolors.createColors(wantsColor(options, context)),
    verbose: options.verbose ?? false,
    everyTask: !interactive || options.verbose === true,
    screenful: context.stdout.rows ?? DEFAULT_ROWS,
  };
  if (!interactive) return new PlainRenderer(report);
  const { TerminalRenderer } = await import('./terminal.js');
  return new TerminalRenderer({
    ...report,
    now: context.now,
    openLine: async () => new (await import('./live-line.js')).LiveLine(context.stdout),
    every: (milliseconds, callback) => {
      const timer = setInterval(callback, milliseconds).unref();
      return () => clearInterval(timer);
    },
  });
}

/** `--no-color`, `NO_COLOR` and `FORCE_COLOR`, in this order; else colours are for terminals that have them. */
export function wantsColor(options: Pick<GlobalOptions, 'color'>, { env, stdout }: Context): boolean {
  if (!options.color || env.NO_COLOR) return false;
  if (env.FORCE_COLOR) return env.FORCE_COLOR !== '0';
  return stdout.isTTY === true && env.TERM !== 'dumb';
}

/** True if somebody watches a terminal that can rewrite a line. */
function isInteractive({ env, stdout }: Context): boolean {
  return stdout.isTTY === true && env.TERM !== 'dumb' && !env.CI;
}
