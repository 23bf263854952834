import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type DependencyList, PGraph, PGraphError } from 'millrace/p-graph';
import { PGraph as Original } from 'p-graph';
import { chooseSeed, randomFrom } from '../engine/lane-support.js';

/** Nodes that note when they begin and end, in turns of the event loop. */
class Log {
  readonly nodes = new Map<string, { run: () => Promise<void>; priority?: number }>();
  readonly begun: string[] = [];
  readonly ended: string[] = [];
  /** Both, in one order. */
  private readonly events: string[] = [];
  /** How many ran at a time. */
  most = 0;
  private now = 0;

  add(ids: string, turns = 1, priority?: number): this {
    for (const id of ids) {
      const run = async (): Promise<void> => {
        this.begun.push(id);
        this.events.push(`+${id}`);
        this.most = Math.max(this.most, ++this.now);
        for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
        this.now--;
        this.ended.push(id);
        this.events.push(`-${id}`);
      };
      this.nodes.set(id, priority === undefined ? { run } : { run, priority });
    }
    return this;
  }

  assertOrder(dependencies: DependencyList): void {
    for (const [first, second] of dependencies) {
      const [end, begin] = [this.events.indexOf(`-${first}`), this.events.indexOf(`+${second}`)];
      assert.ok(begin > end && end >= 0, `${second} began before ${first} had ended`);
    }
  }
}

const pairs = (text: string): DependencyList => text.split(' ').map((pair) => [pair[0]!, pair[1]!] as const);

/** What the suite of p-graph demands, in our words. */
describe('as p-graph', () => {
  test('nothing to do is done', async () => {
    assert.equal(await new PGraph(new Map(), []).run(), undefined);
  });

  test('each node begins when all that it needs has ended, in graphs of one part or several', async () => {
    for (const graph of ['ab bc dc', 'ab ac', 'ab ac ad ae cd bd']) {
      const log = new Log().add('abcdef');
      await new PGraph(log.nodes, pairs(graph)).run();
      log.assertOrder(pairs(graph));
      assert.deepEqual([...log.ended].sort(), [...'abcdef']);
    }
  });

  test('nodes may be an object, their functions synchronous, or one function for all', async () => {
    const called: string[] = [];
    const note = (id: string): number => called.push(id);
    await new PGraph({ A: { run: () => note('A') }, B: { run: () => note('B') } }, [['B', 'A']]).run();
    await new PGraph({ A: { run: () => assert.fail() }, B: {} }, [['B', 'A']]).run({ run: note });
    await new PGraph({ A: {}, B: {} }, [['B', 'A']]).run();
    assert.deepEqual(called, ['B', 'A', 'B', 'A']);
  });

  test('a cycle is refused, and so is what is no node', () => {
    const nodes = Object.fromEntries([...'ABCDEF'].map((id) => [id, {}]));
    const cycle = (graph: string) => () => new PGraph(nodes, pairs(graph));
    assert.throws(cycle('AB BC CA'), {
      code: 'DEPENDENCY_CYCLE',
      message: /A → .* → A|B → .* → B|C → .* → C/,
    });
    assert.throws(cycle('AB BC CD DB'), { code: 'DEPENDENCY_CYCLE', message: /B.*D|D.*B/ });
    assert.throws(cycle('AB BC CD DB CE EF FD'), { code: 'DEPENDENCY_CYCLE' });
    assert.throws(cycle('AA'), { code: 'DEPENDENCY_CYCLE', message: /A → A/ });
    assert.throws(cycle('AX'), { code: 'INVALID_ARGUMENT', message: /"X"/ });
    for (const bad of [undefined, {}, 'AB', ['AB']]) {
      const make = () => new PGraph(nodes, bad as never);
      assert.throws(make, { code: 'INVALID_ARGUMENT', message: /list of pairs of ids/ });
    }
    for (const bad of [undefined, null, [], 'AB']) {
      const make = () => new PGraph(bad as never, []);
      assert.throws(make, { code: 'INVALID_ARGUMENT', message: /a Map or an object/ });
    }
    for (const bad of [() => 1, 5, { run: 5 }, { priority: 'high' }]) {
      const make = () => new PGraph({ a: bad } as never, []);
      assert.throws(make, { code: 'INVALID_ARGUMENT', message: /node "a" must be/ });
    }
    for (const bad of [null, 5, { concurency: 1 }, { concurrency: 0 }, { continue: 'yes' }, { run: null }]) {
      assert.throws(() => new PGraph({}, []).run(bad as never), { code: 'INVALID_ARGUMENT' });
    }
  });

  test('a failure rejects at once, and nothing more begins', async () => {
    let begun = 0;
    const count = async (): Promise<void> => {
      begun++;
      await new Promise(setImmediate);
    };
    const nodes = {
      A: { run: count },
      B: { run: count },
      C: { run: () => Promise.reject('C failed') },
      D: { run: count },
    };
    const graph = new PGraph(nodes, pairs('AB AC BD'));
    await assert.rejects(graph.run(), (error) => {
      assert.ok(error instanceof PGraphError);
      assert.deepEqual(error.taskErrors, ['C failed']);
      assert.match(error.message, /C failed/);
      return true;
    });
    const before = begun;
    for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
    assert.deepEqual([before, begun], [2, 2]);
  });

  test('with `continue`, only what needs a node that failed is left out', async () => {
    for (const concurrency of [1, undefined]) {
      const log = new Log().add('ABDEF');
      const nodes = new Map([...log.nodes, ['C', { run: () => Promise.reject('C failed') }]]);
      const graph = new PGraph(nodes, pairs('AB AC AD CD AE EF'));
      const options = { continue: true, ...(concurrency === undefined ? {} : { concurrency }) };
      await assert.rejects(graph.run(options), (error) => {
        assert.deepEqual((error as PGraphError).taskErrors, ['C failed']);
        return true;
      });
      assert.deepEqual([...log.ended].sort(), [...'ABEF']);
    }
  });

  test('as many run at a time as may', async () => {
    for (const concurrency of [1, 3, 4, 9, undefined]) {
      const log = new Log().add('abcde');
      const options = concurrency === undefined ? {} : { concurrency };
      await new PGraph(log.nodes, pairs('ab ac ad ae')).run(options);
      assert.equal(log.most, Math.min(4, concurrency ?? 4));
    }
    const none = () => new PGraph({}, []).run({ concurrency: 0 });
    assert.throws(none, { code: 'INVALID_ARGUMENT' });
  });

  test('what leads to a high priority goes first', async () => {
    const dependencies = pairs('ab ac ad ce cf');
    const one = new Log().add('abcde').add('f', 1, 16);
    await new PGraph(one.nodes, dependencies).run({ concurrency: 1 });
    assert.deepEqual(one.begun.slice(0, 3), ['a', 'c', 'f']);
    const two = new Log()
      .add('a')
      .add('b', 16, 16)
      .add('c', 4, 4)
      .add('d', 4, 4)
      .add('e', 12, 12)
      .add('f', 16, 16);
    await new PGraph(two.nodes, dependencies).run({ concurrency: 2 });
    assert.equal(two.most, 2);
    const at = (id: string): number => two.begun.indexOf(id);
    assert.ok(at('c') < at('b') && at('b') < at('d') && at('f') < at('e'));
    const negative = new Log().add('a', 1, -5).add('b', 1, -1.5).add('c');
    await new PGraph(negative.nodes, []).run({ concurrency: 1 });
    assert.deepEqual(negative.begun, ['c', 'b', 'a']);
  });

  test('it may run again, and at the same time', async () => {
    const counts = new Map<string, number>();
    const graph = new PGraph({ a: {}, b: {}, c: {} }, pairs('ab bc'));
    const run = async (id: string): Promise<void> => {
      counts.set(id, (counts.get(id) ?? 0) + 1);
      await new Promise(setImmediate);
    };
    await Promise.all([graph.run({ run }), graph.run({ run })]);
    const failing = { run: (id: string) => (id === 'b' ? Promise.reject(id) : run(id)) };
    await assert.rejects(graph.run(failing), PGraphError);
    await graph.run({ run });
    assert.deepEqual(
      [...counts],
      [
        ['a', 4],
        ['b', 3],
        ['c', 3],
      ],
    );
  });

  test('a node may give any thenable, and a node may be nothing', async () => {
    const called: string[] = [];
    const twice = {
      // biome-ignore lint/suspicious/noThenProperty: that is what is tested
      then(resolve: () => void) {
        called.push('a');
        resolve();
        resolve();
      },
    };
    const nodes = { a: { run: () => twice }, b: { run: () => called.push('b') }, c: undefined as never };
    await new PGraph(nodes, pairs('ab bc')).run();
    assert.deepEqual(called, ['a', 'b']);
  });

  test('any graph runs the same nodes as by p-graph itself', async (t) => {
    const random = randomFrom(chooseSeed(t));
    for (let round = 0; round < 40; round++) {
      const count = 1 + Math.floor(random() * 30);
      const ids = Array.from({ length: count }, (_, index) => `node ${index}\0`);
      const edges = ids.flatMap((id, index) =>
        ids
          .slice(0, index)
          .filter(() => random() < 0.15)
          .map((before) => [before, id] as [string, string]),
      );
      const failing = new Set(ids.filter(() => random() < 0.1));
      const concurrency = 1 + Math.floor(random() * 4);
      const play = async (Graph: typeof PGraph | typeof Original) => {
        const ran: string[] = [];
        const run = async (id: string): Promise<void> => {
          for (const [before, after] of edges) if (after === id) assert.ok(ran.includes(before));
          await new Promise(setImmediate);
          ran.push(id);
          if (failing.has(id)) throw new Error(id);
        };
        const nodes = Object.fromEntries(ids.map((id) => [id, {}]));
        const graph = new Graph(nodes, edges);
        const errors = await graph.run({ run, concurrency, continue: true }).then(
          () => [],
          (error: PGraphError) => error.taskErrors.map((one) => (one as Error).message),
        );
        return { ran: ran.sort(), errors: errors.sort() };
      };
      assert.deepEqual(await play(PGraph), await play(Original));
    }
  });
});
