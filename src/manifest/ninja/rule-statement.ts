import { quote } from '../../errors.js';
import { didYouMean } from '../../hint.js';
import { errorAt } from '../source.js';
import type { Lexer } from './lexer.js';
import { type Binding, RULE_VARIABLES, type Scope } from './scope.js';

/** Reads one `rule` statement, whose keyword was read, and adds the rule to the scope. */
export function readRule(lexer: Lexer, scope: Scope): void {
  const place = lexer.place();
  const name = lexer.name('the name of a rule');
  if (scope.rules.has(name)) throw errorAt(place, `rule ${quote(name)} is defined already`);
  lexer.expect('newline');
  const bindings = new Map<string, Binding>();
  while (lexer.accept('indent')) readBinding(lexer, bindings);

  const has = (variable: string) => (bindings.get(variable)?.template ?? '') !== '';
  if (!has('command')) throw errorAt(place, `rule ${quote(name)} has no command`, 'add a line "command = …"');
  if (has('rspfile') !== has('rspfile_content')) {
    throw errorAt(place, `rule ${quote(name)} must set both rspfile and rspfile_content, or neither`);
  }
  scope.rules.set(name, { name, bindings });
}

function readBinding(lexer: Lexer, bindings: Map<string, Binding>): void {
  const { offset } = lexer;
  const name = lexer.assigned();
  if (!(RULE_VARIABLES as readonly string[]).includes(name)) {
    const message = `a rule cannot set ${quote(name)}`;
    throw lexer.error(
      message,
      offset,
      didYouMean(name, RULE_VARIABLES) ?? 'a build statement or the file can',
    );
  }
  const place = lexer.place();
  bindings.set(name, { template: lexer.value(), place });
}
