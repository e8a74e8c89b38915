// Who spoke from when to when, as what happened tells it. Pure. Times are integer microseconds UTC.

const VERBS = new Set(["participant.spoke", "source.spoke"]);
/** Of a long turn the parts adjoin; between two turns of one source is more than this. */
const SEAM_US = 1e6;

/** Whether an entry is a turn of speaking. */
export function isTurn({ verb }) {
  return VERBS.has(verb);
}

function turnOf({ object = "", params = {} }) {
  const source = params.heard ?? object.slice(object.indexOf(":") + 1);
  return { source, fromUs: Number(params.from_us), toUs: Number(params.to_us) };
}

export class Turns {
  #entries = [];
  #bySource = new Map();
  /** All of them by their beginnings. */
  list = [];

  /** Take entries that are turns, in any order. */
  add(entries) {
    if (entries.length === 0) return;
    this.#entries = [...this.#entries, ...entries.map(turnOf).filter(({ fromUs, toUs }) => fromUs < toUs)];
    this.#entries.sort((a, b) => a.fromUs - b.fromUs);
    this.#bySource = new Map();
    this.list = [];
    for (const turn of this.#entries) this.#join({ ...turn });
  }

  #join(turn) {
    const own = this.#bySource.get(turn.source) ?? [];
    const last = own.at(-1);
    if (last && turn.fromUs - last.toUs < SEAM_US) {
      last.toUs = Math.max(last.toUs, turn.toUs);
      return;
    }
    this.#bySource.set(turn.source, own);
    own.push(turn);
    this.list.push(turn);
  }

  /** Those of a source, in order. */
  of(source) {
    return this.#bySource.get(source) ?? [];
  }

  /** Whether a source is heard at `us`. */
  isOn(source, us) {
    return this.of(source).some(({ fromUs, toUs }) => fromUs <= us && us <= toUs);
  }

  /** The first that begins behind `us`, or null. */
  after(us) {
    return this.list.find(({ fromUs }) => fromUs > us) ?? null;
  }

  /** The last that began before `us`, or null. */
  before(us) {
    return this.list.findLast(({ fromUs }) => fromUs < us) ?? null;
  }
}
