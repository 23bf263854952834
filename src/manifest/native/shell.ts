/** The text as one word of a shell command. Always quoted: bare, a value such as `if` or `2` could mean something else. */
export function shellWord(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** How the shell reads a place. After `opaque` text it isn't known. */
type Context = 'plain' | 'single' | 'double' | 'comment' | 'opaque';

const REASONS: Record<Context, string | undefined> = {
  plain: undefined,
  single: 'stands within quotes',
  double: 'stands within quotes',
  comment: 'stands within a comment',
  opaque:
    'stands after something (such as "`", "<<", "((" or ":-" in braces) that changes how the shell reads quotes',
};

/** Where quotes stop to mean what they mean elsewhere. `${NAME}` is harmless, also as a template writes it: `${{NAME}}`. */
const OPAQUE_PLAIN = /[<($]\\\n|`|<<|\(\(|\$\[|\$'|\$\{(?!\w+\}|\{\w+\}\})/y;
const OPAQUE_DOUBLE = /\$\\\n|`|\$\(|\$\[|\$\{(?!\w+\}|\{\w+\}\})/y;

/**
 * Why a quoted word can't be put at places of a shell command, for each of them; undefined where it can.
 * A word in single quotes is only safe where the shell starts to read a quote, so this follows the quotes of the command. It needn't
 * understand the rest: whatever could nest quotes anew makes all places behind it unsafe. O(length).
 * @param places offsets in ascending order
 */
export function unsafePlaces(command: string, places: readonly number[]): (string | undefined)[] {
  const reasons: (string | undefined)[] = [];
  let context: Context = 'plain';
  let escaped = false;
  for (let at = 0; reasons.length < places.length; at++) {
    if (at === places[reasons.length]) reasons.push(reasonAt(command, at, context, escaped));
    if (escaped) {
      escaped = false;
      continue;
    }
    escaped = command[at] === '\\' && (context === 'plain' || context === 'double');
    context = nextContext(command, at, context);
  }
  return reasons;
}

function reasonAt(command: string, at: number, context: Context, escaped: boolean): string | undefined {
  if (escaped) return 'stands after a backslash';
  if (context === 'plain' && command[at - 1] === '$') return 'stands after "$"';
  return REASONS[context];
}

/** The context behind the character at an offset. */
function nextContext(command: string, at: number, context: Context): Context {
  const char = command[at];
  switch (context) {
    case 'plain':
      if (isAt(OPAQUE_PLAIN, command, at)) return 'opaque';
      if (char === "'") return 'single';
      if (char === '"') return 'double';
      if (char !== '#' || !/[ \t\n;&|()<>]/.test(command[at - 1] ?? ' ')) return 'plain';
      return command[at - 2] === '\\' ? 'opaque' : 'comment';
    case 'single':
      return char === "'" ? 'plain' : 'single';
    case 'double':
      if (isAt(OPAQUE_DOUBLE, command, at)) return 'opaque';
      return char === '"' ? 'plain' : 'double';
    case 'comment':
      return char === '\n' ? 'plain' : 'comment';
    case 'opaque':
      return 'opaque';
  }
}

function isAt(pattern: RegExp, text: string, at: number): boolean {
  pattern.lastIndex = at;
  return pattern.test(text);
}
