import { suite as collect } from './artifacts/collect.js';
import { suite as content } from './artifacts/content.js';
import { suite as hashing } from './artifacts/hash.js';
import { suite as freshness } from './artifacts/scan.js';
import { suite as commandLine } from './cli/commands.js';
import { suite as ceiling } from './core/ceiling.js';
import { suite as define } from './core/define.js';
import { suite as drain } from './core/drain.js';
import { suite as functions } from './core/functions.js';
import { suite as graph } from './core/graph.js';
import { suite as locks } from './core/locks.js';
import { suite as sharing } from './core/sharing.js';
import { suite as threads } from './core/threads.js';
import { suite as transition } from './core/transition.js';
import { suite as fingerprints } from './store/fingerprints.js';
import { suite as persistence } from './store/persistence.js';
import { suite as survival } from './store/survival.js';
import type { BenchSuite } from './suite.js';

/** All that `npm run bench` measures, in this order: threads last, because memory once shared is slower for its owner, too. */
export const suites: readonly BenchSuite[] = [
  transition,
  drain,
  define,
  graph,
  freshness,
  hashing,
  content,
  collect,
  commandLine,
  persistence,
  fingerprints,
  survival,
  threads,
  sharing,
  locks,
  functions,
  ceiling,
];
