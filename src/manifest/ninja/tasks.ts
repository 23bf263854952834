import { quote } from '../../errors.js';
import { didYouMean } from '../../hint.js';
import { MAX_ID_BYTES, type TaskDefinition, type TaskId } from '../../task.js';
import { errorAt, type Source, showPlace } from '../source.js';
import { toCommand } from './command.js';
import { type Edge, isPhony } from './edge.js';
import { Marks } from './marks.js';
import { NO_EDGE, type Node } from './paths.js';
import { RealInputs } from './real-inputs.js';
import type { DefaultTarget, Statements } from './statements.js';

/** The edges of a manifest as tasks. An edge's task is named by its first output. */
export class Tasks {
  readonly definitions: TaskDefinition[] = [];
  readonly #statements: Statements;
  readonly #ids: readonly TaskId[];
  readonly #realInputs: RealInputs;
  /** The edges that the edge at hand depends on. */
  readonly #dependencies: Marks;
  /** By task: the file of its statement, and the offset of the statement in it. */
  readonly #sources: Source[] = [];
  readonly #offsets: number[] = [];

  /** @throws ManifestError if an edge has no valid id, or uses what is not supported */
  constructor(statements: Statements) {
    const { edges, paths } = statements;
    this.#statements = statements;
    this.#ids = edges.map((edge) => checkId(paths.path(edge.outputs[0]!), edge));
    this.#realInputs = new RealInputs(statements);
    this.#dependencies = new Marks(edges.length);
    edges.forEach((edge, number) => {
      if (isPhony(edge)) this.#addPhony(edge, number);
      else this.#add(edge, number);
    });
  }

  /**
   * The targets of all `default` statements; without such a statement none, which means all: as in ninja, where it means
   * those that no other one depends on, and so all that these need.
   */
  defaults(): TaskId[] {
    return [...new Set(this.#statements.defaults.map((target) => this.#targetId(target)))];
  }

  /** The task that makes a file. */
  makerOf(path: string): TaskId | undefined {
    const edge = this.#statements.paths.producerOf(path);
    return edge === NO_EDGE ? undefined : this.#ids[edge];
  }

  /** Where the statement of a task is, as `file:line:column`. What is returned doesn't keep the statements in memory. */
  places(): (task: TaskId) => string | undefined {
    const { definitions } = this;
    const [sources, offsets] = [this.#sources, this.#offsets];
    return (task) => {
      const at = definitions.findIndex(({ id }) => id === task);
      return at < 0 ? undefined : showPlace({ source: sources[at]!, offset: offsets[at]! });
    };
  }

  #define({ source, offset }: Edge, definition: TaskDefinition): void {
    this.definitions.push(definition);
    this.#sources.push(source);
    this.#offsets.push(offset);
  }

  #add(edge: Edge, number: number): void {
    const { paths } = this.#statements;
    this.#define(edge, {
      id: this.#ids[number]!,
      dependencies: this.#dependenciesOf(edge, number),
      ...toCommand(edge, this.#statements),
      inputs: this.#realInputs.of(edge),
      outputs: edge.outputs.map((node) => paths.path(node)),
      literal: true,
      optionalOutputs: true,
    });
  }

  /**
   * Every output is a name that a user may ask for, so each further one becomes a task that depends on the first. The files
   * that no edge makes must be there: as in ninja not those that are order-only.
   */
  #addPhony(edge: Edge, number: number): void {
    const { paths } = this.#statements;
    const id = this.#ids[number]!;
    const sources = edge.inputs.slice(0, edge.realInputs).filter((node) => paths.producers[node] === NO_EDGE);
    this.#define(edge, {
      id,
      dependencies: this.#dependenciesOf(edge, number),
      ...(sources.length > 0 && { inputs: sources.map((node) => paths.path(node)), literal: true }),
    });
    for (const node of edge.outputs.slice(1)) {
      this.#define(edge, { id: checkId(paths.path(node), edge), dependencies: [id] });
    }
  }

  #dependenciesOf(edge: Edge, number: number): TaskId[] {
    const { paths } = this.#statements;
    const ids: TaskId[] = [];
    this.#dependencies.clear();
    for (const node of edge.inputs) {
      const producer = paths.producers[node]!;
      if (producer === NO_EDGE || !this.#dependencies.add(producer)) continue;
      if (producer === number) throw errorAt(edge, `${quote(paths.path(node))} depends on itself`);
      ids.push(this.#ids[producer]!);
    }
    return ids;
  }

  #targetId(target: DefaultTarget): TaskId {
    const { path } = target;
    const id = this.makerOf(path);
    if (id !== undefined) return id;
    const { paths } = this.#statements;
    const known: string[] = [];
    for (let node: Node = 0; node < paths.size; node++) {
      if (paths.producers[node] !== NO_EDGE) known.push(paths.path(node));
    }
    throw errorAt(target, `no build statement makes ${quote(path)}`, didYouMean(path, known));
  }
}

function checkId(id: TaskId, edge: Edge): TaskId {
  if (id.length * 3 <= MAX_ID_BYTES || Buffer.byteLength(id) <= MAX_ID_BYTES) return id;
  const shown = quote(`${id.slice(0, 60)}…`);
  throw errorAt(edge, `the path ${shown} is longer than ${MAX_ID_BYTES} bytes, too long to name a task`);
}
