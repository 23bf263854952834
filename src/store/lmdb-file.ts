import { readSync } from 'node:fs';

/** What is wrong with a file, in a few words. */
export class Damage extends Error {}

/** What a file is to be opened for. */
export type Intent = 'read' | 'write';

/** Where the newest commit of a file begins. */
export interface Meta {
  readonly transaction: bigint;
  readonly lastPage: number;
  /** Root of the tree of pages that may be reused, or NO_PAGE. */
  readonly freeRoot: number;
  readonly mainRoot: number;
  readonly mainEntries: number;
}

/*
 * The layout of LMDB's file, data format 2 (see MDB_page, MDB_meta, MDB_node and MDB_ovpage in LMDB's mdb.c), numbers
 * in the machine's order; all machines that Node runs LMDB on are little-endian.
 *
 *   page   number u64, transaction u64, pad u16, flags u16, lower u16, upper u16, then offsets of nodes u16 …,
 *          free room, nodes. Lower and the offsets count from behind this head of 24 bytes.
 *   meta   page head; magic u32, version u32, address u64, map size u64, free db, main db, last page u64, transaction u64
 *   db     pad u32 (in the free db: the page size), flags u16, depth u16, branch, leaf, overflow pages, entries, root u64
 *   node   low u16, high u16, flags u16, key size u16, key, data. In a branch low, high and flags are the child's page
 *          number; in a leaf low and high are the size of the data, which, if big, lies in pages of its own:
 *          first page u64, transaction u64, pages u64.
 */
const HEAD = 24;
const PAGE = { number: 0, transaction: 8, flags: 18, lower: 20 } as const;
const META = {
  magic: HEAD,
  version: HEAD + 4,
  mapSize: HEAD + 16,
  free: HEAD + 24,
  main: HEAD + 72,
  last: HEAD + 120,
  transaction: HEAD + 128,
};
const DB = { pad: 0, flags: 4, depth: 6, entries: 32, root: 40 } as const;
const NODE_HEAD = 8;
const OVERFLOW_REF = 24;

const MAGIC = 0xbeefc0de;
const FORMAT = 2;
const Flag = { Branch: 1, Leaf: 2, Meta: 8 } as const;
const BIG_DATA = 1;
/** Of the free tree. */
const INTEGER_KEYS = 8;
const NO_PAGE = -1;
const ALL_BITS = 0xffffffff;
const MAX_DEPTH = 16;
const FIRST_PAGE = 2;
const FREE_LIST = 'a list of free pages is damaged';

/** Pages one after the other. */
interface Run {
  readonly page: number;
  readonly count: number;
}

/** A page of a tree, and where its keys lie: none is below `from`, all are below `to`. */
interface Branch {
  readonly page: number;
  readonly depth: number;
  readonly from: Buffer | undefined;
  readonly to: Buffer | undefined;
}

/** Of every store, in bytes. LMDB itself would take that of the system's memory pages. */
export const PAGE_SIZE = 4096;
/** What LMDB begins with. */
const FIRST_MAP = 2 ** 17;

/** A store without a value, as LMDB writes it (mdb_env_init_meta): two headers, of transaction 0. */
export function emptyFile(): Buffer {
  const file = Buffer.alloc(2 * PAGE_SIZE);
  for (const page of [0, 1]) {
    const bytes = file.subarray(page * PAGE_SIZE, (page + 1) * PAGE_SIZE);
    bytes.writeUInt32LE(page, PAGE.number);
    bytes.writeUInt16LE(Flag.Meta, PAGE.flags);
    bytes.writeUInt32LE(MAGIC, META.magic);
    bytes.writeUInt32LE(FORMAT, META.version);
    bytes.writeUInt32LE(FIRST_MAP, META.mapSize);
    bytes.writeUInt32LE(PAGE_SIZE, META.free + DB.pad);
    bytes.writeUInt16LE(INTEGER_KEYS, META.free + DB.flags);
    for (const tree of [META.free, META.main]) bytes.fill(0xff, tree + DB.root, tree + DB.root + 8);
    bytes.writeUInt32LE(1, META.last);
  }
  return file;
}

/** Reads a file page by page; every look at a page that can't be one of the file's throws Damage. */
export class PageReader {
  readonly size: number;
  private readonly descriptor: number;
  private used = new Uint8Array(0);
  private intent: Intent = 'write';
  /** What was read last: one for pages, one for the heads of values. */
  private readonly page = Buffer.allocUnsafeSlow(PAGE_SIZE);
  private readonly head = Buffer.allocUnsafeSlow(HEAD);

  constructor(descriptor: number, size: number) {
    if (size === 0) throw new Damage('store/data.mdb is empty');
    this.descriptor = descriptor;
    this.size = size;
  }

  /** The page, until the next call. */
  read(page: number): Buffer {
    return this.readInto(this.page, page);
  }

  private readInto(bytes: Buffer, page: number): Buffer {
    const count = readSync(this.descriptor, bytes, 0, bytes.length, page * PAGE_SIZE);
    if (count < bytes.length) throw new Damage('store/data.mdb is cut off');
    return bytes;
  }

  /** Walks the trees of a commit; no page may be used twice, or be used and free. */
  checkTrees(meta: Meta, intent: Intent): void {
    this.used = new Uint8Array(meta.lastPage + 1);
    this.intent = intent;
    const entries = this.checkTree(meta, meta.mainRoot, undefined);
    if (entries !== meta.mainEntries) throw new Damage('the number of entries is wrong');
    if (intent === 'read') return;
    const free: Run[] = [];
    this.checkTree(meta, meta.freeRoot, free);
    for (const { page, count } of free) this.use(meta, page, count);
  }

  /** Returns the number of entries. @param free where to put the pages that the entries list, for the free tree */
  private checkTree(meta: Meta, root: number, free: Run[] | undefined): number {
    if (root === NO_PAGE) return 0;
    let entries = 0;
    const below: Branch[] = [{ page: root, depth: 1, from: undefined, to: undefined }];
    for (let next = below.pop(); next !== undefined; next = below.pop()) {
      const { page, depth } = next;
      this.use(meta, page, 1);
      const bytes = this.read(page);
      const offsets = nodeOffsets(bytes, page, meta);
      const isLeaf = bytes.readUInt16LE(PAGE.flags) === Flag.Leaf;
      // Those of the free tree are numbers in the machine's order.
      const keys = free === undefined ? keysOf(bytes, isLeaf ? offsets : offsets.slice(1), next) : [];
      if (isLeaf) {
        for (const at of offsets) this.checkEntry(meta, bytes, at, free);
        entries += offsets.length;
      } else {
        if (depth === MAX_DEPTH) throw new Damage('its tree is too deep');
        for (const [index, at] of offsets.entries()) {
          const bounds = { from: keys[index - 1] ?? next.from, to: keys[index] ?? next.to };
          below.push({ page: childOf(bytes, at), depth: depth + 1, ...bounds });
        }
      }
    }
    return entries;
  }

  private checkEntry(meta: Meta, bytes: Buffer, at: number, free: Run[] | undefined): void {
    const size = bytes.readUInt16LE(at) + bytes.readUInt16LE(at + 2) * 2 ** 16;
    const flags = bytes.readUInt16LE(at + 4);
    const data = at + NODE_HEAD + bytes.readUInt16LE(at + 6);
    if (flags !== 0 && flags !== BIG_DATA) throw new Damage('an entry is of an unknown kind');
    if (data + (flags === BIG_DATA ? OVERFLOW_REF : size) > bytes.length)
      throw new Damage('an entry is too long');
    if (flags !== BIG_DATA) {
      if (free !== undefined) collectFree(bytes.subarray(data, data + size), free);
      return;
    }
    const [first, pages] = [readPage(bytes, data), readPage(bytes, data + 16)];
    if (pages !== Math.ceil((HEAD + size) / PAGE_SIZE)) throw new Damage('an entry has a wrong size');
    this.use(meta, first, pages);
    if (this.intent === 'read') return;
    const head = this.readInto(this.head, first);
    if (readPage(head, PAGE.number) !== first || head.readUInt32LE(PAGE.lower) !== pages) {
      throw new Damage('a page of a value is not in its place');
    }
    if (free !== undefined) collectFree(this.readValue(first, size), free);
  }

  private readValue(page: number, size: number): Buffer {
    const bytes = Buffer.allocUnsafe(size);
    readSync(this.descriptor, bytes, 0, size, page * PAGE_SIZE + HEAD);
    return bytes;
  }

  private use(meta: Meta, page: number, count: number): void {
    if (page < FIRST_PAGE || page + count - 1 > meta.lastPage)
      throw new Damage('a page number is out of range');
    for (let at = page; at < page + count; at++) {
      if (this.used[at] === 1) throw new Damage('a page is used twice');
      this.used[at] = 1;
    }
  }
}

/** One of the two headers. @throws Damage */
export function readMeta(reader: PageReader, index: 0 | 1): Meta {
  const bytes = reader.read(index);
  if (bytes.readUInt32LE(META.magic) !== MAGIC || (bytes.readUInt16LE(PAGE.flags) & Flag.Meta) === 0) {
    throw new Damage('store/data.mdb is not an LMDB file');
  }
  if (bytes.readUInt32LE(META.version) !== FORMAT) throw new Damage('store/data.mdb has another format');
  const pageSize = bytes.readUInt32LE(META.free + DB.pad);
  if (pageSize !== PAGE_SIZE) throw new Damage(`its pages have ${pageSize} bytes in place of ${PAGE_SIZE}`);
  const lastPage = readPage(bytes, META.last);
  if ((lastPage + 1) * PAGE_SIZE > reader.size) throw new Damage('store/data.mdb is cut off');
  return {
    transaction: bytes.readBigUInt64LE(META.transaction),
    lastPage,
    freeRoot: readPage(bytes, META.free + DB.root),
    mainRoot: readPage(bytes, META.main + DB.root),
    mainEntries: readPage(bytes, META.main + DB.entries),
  };
}

/** Where the nodes of a branch or leaf begin. */
function nodeOffsets(bytes: Buffer, page: number, meta: Meta): number[] {
  const flags = bytes.readUInt16LE(PAGE.flags);
  if (readPage(bytes, PAGE.number) !== page || (flags !== Flag.Branch && flags !== Flag.Leaf)) {
    throw new Damage('a page is not in its place');
  }
  if (bytes.readBigUInt64LE(PAGE.transaction) > meta.transaction)
    throw new Damage('a page is from the future');
  const lower = bytes.readUInt16LE(PAGE.lower);
  if (lower % 2 !== 0 || HEAD + lower > bytes.length) throw new Damage('a page has too many entries');
  const offsets: number[] = [];
  for (let at = HEAD; at < HEAD + lower; at += 2) {
    const node = HEAD + bytes.readUInt16LE(at);
    if (node < HEAD + lower || node + NODE_HEAD > bytes.length)
      throw new Damage('an entry lies outside of its page');
    if (node + NODE_HEAD + bytes.readUInt16LE(node + 6) > bytes.length) throw new Damage('a key is too long');
    offsets.push(node);
  }
  return offsets;
}

/** Copies of the keys of nodes, which ascend: a key that is out of order would be taken for missing. @throws Damage */
function keysOf(bytes: Buffer, offsets: readonly number[], { from, to }: Branch): Buffer[] {
  const keys = offsets.map((at) => {
    const start = at + NODE_HEAD;
    return Buffer.from(bytes.subarray(start, start + bytes.readUInt16LE(at + 6)));
  });
  const isInOrder = keys.every((key, index) => {
    const before = index === 0 ? from : keys[index - 1]!;
    const order = before === undefined ? 1 : key.compare(before);
    return index === 0 ? order >= 0 : order > 0;
  });
  const last = keys.at(-1);
  const isBelow = last === undefined || to === undefined || last.compare(to) < 0;
  if (!isInOrder || !isBelow) throw new Damage('its keys are out of order');
  return keys;
}

function childOf(bytes: Buffer, at: number): number {
  return bytes.readUInt16LE(at) + bytes.readUInt16LE(at + 2) * 2 ** 16 + bytes.readUInt16LE(at + 4) * 2 ** 32;
}

/**
 * A list of free pages: how many of the words behind it are in use, then page numbers; a negative word is the length of
 * the run that begins at the page in the next word, and 0 says nothing (lmdb-js's own form, see midl.c).
 */
function collectFree(list: Buffer, free: Run[]): void {
  if (list.length % 8 !== 0) throw new Damage(FREE_LIST);
  const words = new BigInt64Array(Uint8Array.from(list).buffer);
  const inUse = Number(words[0] ?? -1n);
  if (inUse < 0 || inUse >= words.length) throw new Damage(FREE_LIST);
  for (let at = 1; at <= inUse; at++) {
    const word = Number(words[at]!);
    if (word > 0) free.push({ page: word, count: 1 });
    if (word >= 0) continue;
    at++;
    if (at > inUse) throw new Damage(FREE_LIST);
    free.push({ page: Number(words[at]!), count: -word });
  }
}

/** A page number; NO_PAGE for that of none, all of whose bits are set. @throws Damage */
function readPage(bytes: Buffer, at: number): number {
  const [low, high] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)];
  if (low === ALL_BITS && high === ALL_BITS) return NO_PAGE;
  if (high >= 2 ** 21) throw new Damage('a page number is out of range');
  return high * 2 ** 32 + low;
}
