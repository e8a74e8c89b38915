// What the server told: the records of each topic that is watched, and who wants to know of changes. Pure.

const EMPTY = new Map();

/** Take a `state` message into `kinds` (kind -> id -> record). */
export function take(kinds, { reset, puts = {}, drops = {} }) {
  if (reset) kinds.clear();
  for (const [kind, records] of Object.entries(puts)) {
    if (!kinds.has(kind)) kinds.set(kind, new Map());
    for (const record of records) kinds.get(kind).set(record.id, record);
  }
  for (const [kind, ids] of Object.entries(drops)) for (const id of ids) kinds.get(kind)?.delete(id);
}

export class Store {
  #topics = new Map();
  #told = new Map();

  /** Records of `kind` in `topic` by id, in the order in which they came. */
  of(topic, kind) {
    return this.#topics.get(topic)?.kinds.get(kind) ?? EMPTY;
  }

  /** A record of `kind` wherever it is known from, or null. */
  find(kind, id) {
    for (const { kinds } of this.#topics.values()) {
      const record = kinds.get(kind)?.get(id);
      if (record) return record;
    }
    return null;
  }

  /** All records of `kind` that are known, from all topics. */
  all(kind) {
    const found = new Map();
    for (const { kinds } of this.#topics.values()) {
      for (const [id, record] of kinds.get(kind) ?? []) found.set(id, record);
    }
    return [...found.values()];
  }

  /** True when the server has said what is in `topic`, all of it. */
  knows(topic) {
    const held = this.#topics.get(topic);
    return held !== undefined && held.code === "" && !held.fills;
  }

  /** Why nothing more comes of `topic`, "" while it does. */
  codeOf(topic) {
    return this.#topics.get(topic)?.code ?? "";
  }

  /** Call `told()` after each change of `topic`; gives what ends that. */
  listen(topic, told) {
    if (!this.#told.has(topic)) this.#told.set(topic, new Set());
    const all = this.#told.get(topic);
    all.add(told);
    return () => all.delete(told);
  }

  apply(message) {
    const { topic } = message;
    let held = this.#topics.get(topic);
    if (!held || message.reset) {
      held = { kinds: new Map(), code: "", fills: false };
      this.#topics.set(topic, held);
    }
    take(held.kinds, message);
    held.fills = Boolean(message.more);
    if (!held.fills) this.#tell(topic);
  }

  /** Nothing more comes: what was there is not shown any longer. */
  gone(topic, code) {
    this.#topics.set(topic, { kinds: new Map(), code: code || "gone", fills: false });
    this.#tell(topic);
  }

  forget(topic) {
    this.#topics.delete(topic);
  }

  #tell(topic) {
    for (const told of this.#told.get(topic) ?? []) {
      try {
        told();
      } catch (error) {
        // One view that fails keeps no other from its news.
        reportError(error);
      }
    }
  }
}
