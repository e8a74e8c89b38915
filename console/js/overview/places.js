// All consultations somebody knows of, from the two topics that tell: what roles show, and one's own places. Pure.

export const TOPICS = ["overview", "places"];

/** id -> record of a consultation with `mine` (one's place, "none" without one) and `may` (all rights to it). */
export function consultationsOf(store) {
  const found = new Map();
  for (const topic of TOPICS) for (const [id, record] of store.of(topic, "consultation")) found.set(id, record);
  const places = store.of("places", "place");
  for (const [id, record] of found) {
    const place = places.get(id);
    const may = new Set([...(record.may ?? []), ...(place?.may ?? [])]);
    found.set(id, { ...record, mine: place?.mine ?? record.mine ?? "none", may: [...may] });
  }
  return found;
}

/** True when both have been told. */
export function knowsAll(store) {
  return TOPICS.every((topic) => store.knows(topic));
}
