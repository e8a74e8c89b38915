// The lists of each level in their order. To put 10,000 Chinese names into it takes 50 ms and more, in which nothing
// else would be done: a new and long list is sorted step by step, and one that was sorted before starts from that.

const RUN = 128;
/** Comparisons between two breaths: a few milliseconds. */
const STEP = 1000;
/** So many new ones among those that stand in their order already are sorted at once. */
const AT_ONCE = 500;

/** Sort `records` as `sort` does, a step at each `next`; the list is what it returns. Pure. */
export function* sorting(records, compare) {
  let done = 0;
  let runs = [];
  for (let at = 0; at < records.length; at += RUN) {
    runs.push(records.slice(at, at + RUN).sort(compare));
    yield;
  }
  while (runs.length > 1) {
    const merged = [];
    for (let at = 0; at < runs.length; at += 2) {
      const [left, right = []] = runs.slice(at, at + 2);
      const both = [];
      let [l, r] = [0, 0];
      while (l < left.length && r < right.length) {
        both.push(compare(left[l], right[r]) <= 0 ? left[l++] : right[r++]);
        done += 1;
        if (done % STEP === 0) yield;
      }
      merged.push(both.concat(left.slice(l), right.slice(r)));
    }
    runs = merged;
  }
  return runs[0] ?? [];
}

const orders = new WeakMap();

/** The one order of all trees that show what `store` holds. */
export function orderOf(store) {
  if (!orders.has(store)) orders.set(store, new Order());
  return orders.get(store);
}

export class Order {
  #kept = new Map();
  #waiting = new Map();

  /**
   * `records` in their order, or null while they are being sorted: `told()` then. `key` (`ID/KIND` of a level) tells
   * the list apart from others.
   */
  of(key, records, compare, told = () => {}) {
    const kept = this.#kept.get(key);
    if (kept && kept.records.length === records.length && kept.records.every((one, at) => one === records[at])) {
      return kept.sorted;
    }
    const now = new Map(records.map((one) => [one.id, one]));
    const before = (kept?.sorted ?? []).map((one) => one.id).filter((id) => now.has(id));
    if (this.#waiting.has(key)) {
      this.#waiting.get(key).add(told);
      return null;
    }
    if (now.size - before.length > AT_ONCE) {
      this.#waiting.set(key, new Set([told]));
      this.#sort(key, records, compare);
      return null;
    }
    const sorted = [...new Set([...before, ...now.keys()])].map((id) => now.get(id)).sort(compare);
    this.#kept.set(key, { records, sorted });
    return sorted;
  }

  /** Forget the lists of a level. */
  drop(id) {
    for (const kind of ["person", "endpoint", "unit"]) this.#kept.delete(`${id}/${kind}`);
  }

  async #sort(key, records, compare) {
    const steps = sorting(records, compare);
    let step = steps.next();
    while (!step.done) {
      await new Promise((go) => setTimeout(go));
      step = steps.next();
    }
    this.#kept.set(key, { records, sorted: step.value });
    const waiting = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const told of waiting) told();
  }
}
