// The course of one track through time: which segment is on at a UTC, which comes next, and why there is none. Pure.
// Times are integer microseconds UTC.

/** Between two segments less than this is a seam and no hole: the last picture stays. */
export const SEAM_US = 250_000;

export class Course {
  #segments = [];
  #ids = new Map();
  #spans = null;
  #gaps = null;
  /** Of what is not known as segments. */
  #sketch = { spans: [], gaps: [] };

  /** Take segments as the index tells them; one that is known is replaced (it may have been deleted since). */
  add(items) {
    const fresh = items.filter((item) => !same(this.#ids.get(item.segment), item));
    if (fresh.length === 0) return;
    for (const item of fresh) this.#ids.set(item.segment, item);
    this.#segments = [...this.#ids.values()].sort((a, b) => a.t0_us - b.t0_us);
    this.#spans = this.#gaps = null;
  }

  /** Take what the strip draws of all there is: {spans, gaps} as the server tells them. */
  sketch(told) {
    this.#sketch = { spans: told.flatMap(({ spans }) => spans), gaps: told.flatMap(gapsOf) };
    this.#spans = this.#gaps = null;
  }

  /** The segment to be played at `us`, or null in a hole. */
  at(us) {
    const index = this.#before(us);
    const here = this.#segments[index];
    if (here && us < here.t1_us) return playable(here);
    const next = this.#segments[index + 1];
    if (here && next && next.t0_us - here.t1_us < SEAM_US) return playable(us < next.t0_us ? here : next);
    return null;
  }

  /** The first segment that can be played and begins after `us`, or null. */
  after(us) {
    for (let index = this.#before(us) + 1; index < this.#segments.length; index += 1) {
      if (playable(this.#segments[index])) return this.#segments[index];
    }
    return null;
  }

  /** Those that can be played and overlap `fromUs` to `toUs`, in order. */
  within(fromUs, toUs) {
    const first = Math.max(0, this.#before(fromUs));
    const found = [];
    for (let index = first; index < this.#segments.length && this.#segments[index].t0_us < toUs; index += 1) {
      const one = this.#segments[index];
      if (playable(one) && one.t1_us > fromUs) found.push(one);
    }
    return found;
  }

  /** Why nothing is there at `us`, or nothing to be believed: {why, t0, t1}, or null where nobody told. */
  gapAt(us) {
    const index = this.#before(us);
    const here = this.#segments[index];
    if (here?.deleted_us && us < here.t1_us) return this.#deletedAt(index);
    // A segment tells those inside and the one before it.
    for (const one of [here, this.#segments[index + 1]]) {
      const found = (one?.gaps ?? []).find(([, t0, t1]) => t0 <= us && us < t1);
      if (found) return { why: found[0], t0: found[1], t1: found[2] };
    }
    return null;
  }

  /** What is deleted around a segment that is, as far as it is known. */
  #deletedAt(index) {
    const all = this.#segments;
    let [first, last] = [index, index];
    const goesOn = (one, next) => one?.deleted_us && next?.deleted_us && next.t0_us - one.t1_us < SEAM_US;
    while (goesOn(all[first - 1], all[first])) first -= 1;
    while (goesOn(all[last], all[last + 1])) last += 1;
    return { why: "deleted", t0: all[first].t0_us, t1: all[last].t1_us };
  }

  /** What is known to be there, as [t0, t1] in order, seams closed. */
  spans() {
    if (this.#spans) return this.#spans;
    const kept = this.#segments.filter(playable).map((one) => [one.t0_us, one.t1_us]);
    const all = [...this.#sketch.spans, ...kept].sort(([a], [b]) => a - b);
    this.#spans = [];
    for (const span of all) join(this.#spans, [...span]);
    return this.#spans;
  }

  /** All gaps that are known: {why, t0, t1}. */
  gaps() {
    this.#gaps ??= [...this.#sketch.gaps, ...this.#segments.flatMap(gapsOf)];
    return this.#gaps;
  }

  /** Index of the last segment that begins at `us` or before; -1 without one. */
  #before(us) {
    let low = 0;
    let high = this.#segments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#segments[middle].t0_us <= us) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function gapsOf(told) {
  if (told.deleted_us) return [{ why: "deleted", t0: told.t0_us, t1: told.t1_us }];
  return (told.gaps ?? []).map(([why, t0, t1]) => ({ why, t0, t1 }));
}

/** Put a span behind `spans`, or to the last of them where there is but a seam between. */
function join(spans, span) {
  const last = spans.at(-1);
  if (last && span[0] - last[1] < SEAM_US) last[1] = Math.max(last[1], span[1]);
  else spans.push(span);
}

function same(had, item) {
  return had !== undefined && had.t1_us === item.t1_us && had.deleted_us === item.deleted_us;
}

function playable(segment) {
  return segment.deleted_us ? null : segment;
}
