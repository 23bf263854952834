import type { Mutant } from './mutants.js';

const FINISHED = 'memory/finished.js';
const READY = 'memory/ready.js';

/** Mistakes in what threads do that claim by themselves beside a run. */
export const SERVING_MUTANTS: readonly Mutant[] = [
  {
    name: 'a finished row is put in without a look at what the swap has found',
    file: FINISHED,
    from: `if (found === head)
                return;`,
    to: 'return;',
    model: 'finishing',
    preemptions: 1,
  },
  {
    name: 'a finished row is in before it leads to those before it',
    file: FINISHED,
    from: 'store(links, LINKS + row, head);\n            const found = compareExchange(links, HEAD, head, row + 1);',
    to: 'const found = compareExchange(links, HEAD, head, row + 1);\n            store(links, LINKS + row, head);',
    model: 'finishing',
    preemptions: 1,
  },
  {
    name: 'finished rows are taken out by a load and a store',
    file: FINISHED,
    from: 'const found = compareExchange(this.links, HEAD, head, END);',
    to: 'const found = head; store(this.links, HEAD, END);',
    model: 'finishing',
    preemptions: 1,
  },
  {
    name: 'a reserved row is put among those for all',
    file: READY,
    from: 'setBit(this.reservedWords(), FIRST_RANK + ~rank);',
    to: 'setBit(this.bits.ints, FIRST_RANK + ~rank);',
    model: 'serving1',
    preemptions: 0,
  },
];
