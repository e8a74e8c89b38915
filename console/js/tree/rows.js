// The tree as a flat list of rows, and which of them are in view. Pure.

import { Order } from "./order.js";

const collator = new Intl.Collator("zh-CN", { numeric: true });

/** No tree is deeper than this; one with a cycle must not hang the page. */
const DEEPEST = 16;

const byName = (name) => (a, b) => collator.compare(name(a), name(b));
const unitOrder = (a, b) => a.order - b.order || byName((unit) => unit.name_zh)(a, b);

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
 * set of unit ids. A level that is on its way, or is being sorted, is a row of kind "asking". `order` remembers from
 * one time to the next; `told()` when it has sorted what it had not yet.
 */
export function rowsOf(level, opened, order = new Order(), told = () => {}) {
  const rows = [];
  const visit = (id, depth, parent) => {
    const { known, units, people, endpoints } = level(id);
    // A unit's own people stand directly below its name, whatever is below them.
    const all = known ? [["person", people], ["endpoint", endpoints], ["unit", units]] : [];
    const sorted = all.map(([kind, list]) => [kind, order.of(`${id}/${kind}`, list, ORDERS[kind], told)]);
    const here = known && sorted.every(([, list]) => list !== null);
    if (!here && depth > 0) {
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
    if (!here) return;
    for (const [kind, list] of sorted) {
      for (const record of list) {
        const open = kind === "unit" && hasBelow(record) ? opened.has(record.id) : null;
        add(kind, record, open);
        if (open && depth < DEEPEST) visit(record.id, depth + 1, `unit:${record.id}`);
      }
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
