// The tree as a flat list of rows, and which of them are in view. Pure.

const collator = new Intl.Collator("zh-CN", { numeric: true });

/** No tree is deeper than this; one with a cycle must not hang the page. */
const DEEPEST = 16;

const byName = (name) => (a, b) => collator.compare(name(a), name(b));
const unitOrder = (a, b) => a.order - b.order || byName((unit) => unit.name_zh)(a, b);

/**
 * Sorts the lists of each level and remembers them: to put 10,000 names into their Chinese order takes 50 ms, but next
 * to nothing where the order is that of before but for a few.
 */
export class Order {
  #kept = new Map();

  /** `records` in their order; `key` tells the list apart from others. */
  of(key, records, compare) {
    const kept = this.#kept.get(key);
    if (kept && kept.records.length === records.length && kept.records.every((one, at) => one === records[at])) {
      return kept.sorted;
    }
    const now = new Map(records.map((one) => [one.id, one]));
    const before = (kept?.sorted ?? []).map((one) => one.id).filter((id) => now.has(id));
    const sorted = [...new Set([...before, ...now.keys()])].map((id) => now.get(id)).sort(compare);
    this.#kept.set(key, { records, sorted });
    return sorted;
  }

  /** Forget the lists of a level. */
  drop(id) {
    for (const kind of ["person", "endpoint", "unit"]) this.#kept.delete(`${id}/${kind}`);
  }
}

const ORDERS = {
  person: byName((one) => one.name),
  endpoint: byName((one) => one.name_zh),
  unit: unitOrder,
};

/** A unit's line below: what can be opened. */
export function hasBelow(unit) {
  return (unit.units ?? 0) + (unit.people ?? 0) + (unit.endpoints ?? 0) > 0;
}

/**
 * The rows that are shown: {key, kind, id, record, depth, open (null where nothing is below), place, size, parent}.
 * `level(id)` gives {known, units, people, endpoints} of a unit ("root" for the top), lists of records; `opened` is a
 * set of unit ids. A level that is on its way is a row of kind "asking". `order` remembers from one time to the next.
 */
export function rowsOf(level, opened, order = new Order()) {
  const rows = [];
  const visit = (id, depth, parent) => {
    const { known, units, people, endpoints } = level(id);
    if (!known && depth > 0) {
      const asking = { key: `asking:${id}`, kind: "asking", id, record: null };
      rows.push({ ...asking, depth, open: null, place: 1, size: 1, parent });
      return;
    }
    const size = people.length + endpoints.length + units.length;
    let place = 0;
    const add = (kind, record, open) => {
      place += 1;
      rows.push({ key: `${kind}:${record.id}`, kind, id: record.id, record, depth, open, place, size, parent });
    };
    // A unit's own people stand directly below its name, whatever is below them.
    const sorted = (kind, records) => order.of(`${id}/${kind}`, records, ORDERS[kind]);
    for (const person of sorted("person", people)) add("person", person, null);
    for (const endpoint of sorted("endpoint", endpoints)) add("endpoint", endpoint, null);
    for (const unit of sorted("unit", units)) {
      const open = hasBelow(unit) ? opened.has(unit.id) : null;
      add("unit", unit, open);
      if (open && depth < DEEPEST) visit(unit.id, depth + 1, `unit:${unit.id}`);
    }
  };
  visit("root", 0, "");
  return rows;
}

/**
 * Rows of what a search found: flat. `known(kind, id)` gives the record the tree has of it, or null: the search does
 * not tell presence and rights.
 */
export function rowsFound(results, known) {
  const size = results.length;
  return results.map(({ kind, id, endpoint_kind: of, ...found }, index) => {
    const record = { ...found, id, kind: of, ...known(kind, id) };
    const row = { key: `${kind}:${id}`, kind, id, record, depth: 0, open: null, parent: "" };
    return { ...row, place: index + 1, size, isFound: true };
  });
}

/**
 * Ids of the unit `id` and of those above it, the lowest first, as far as one may see them. `recordOf(id)` gives a
 * unit's record, or null.
 */
export async function unitsUp(id, recordOf) {
  const ids = [];
  let at = id;
  while (at && ids.length < DEEPEST && !ids.includes(at)) {
    const record = await recordOf(at);
    if (!record) break;
    ids.push(at);
    at = record.parent;
  }
  return ids;
}

/** First and last index to draw of `count` rows, `tall` each, in a window of `height` at `top`; some more around. */
export function windowOf(top, height, tall, count) {
  const around = 8;
  const first = Math.max(0, Math.floor(top / tall) - around);
  const last = Math.min(count, Math.ceil((top + height) / tall) + around);
  return { first: Math.min(first, last), last };
}

/** Where a key leads from row `at`: {to} an index, {open} or {close} a row, or null. `page` rows are in view. */
export function keyStep(rows, at, key, page) {
  const row = rows[at];
  const clamp = (index) => ({ to: Math.max(0, Math.min(rows.length - 1, index)) });
  if (!row) return rows.length > 0 && key.startsWith("Arrow") ? { to: 0 } : null;
  switch (key) {
    case "ArrowDown":
      return clamp(at + 1);
    case "ArrowUp":
      return clamp(at - 1);
    case "Home":
      return clamp(0);
    case "End":
      return clamp(rows.length - 1);
    case "PageDown":
      return clamp(at + page);
    case "PageUp":
      return clamp(at - page);
    case "ArrowRight":
      if (row.open === null) return {};
      return row.open ? clamp(at + 1) : { open: row };
    case "ArrowLeft":
      if (row.open) return { close: row };
      return row.parent ? clamp(rows.findIndex((one) => one.key === row.parent)) : {};
    default:
      return null;
  }
}
