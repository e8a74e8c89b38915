// What happened while it was recorded, from the server, in the order of time: for the strip, the list, for jumping.

import { ApiError } from "../api.js";
import { Turns, isTurn } from "./turns.js";

const PAGE = 500;
const MOST = 20_000;

/** verb -> how it is marked; verbs that begin so. */
const SORTS = [
  ["participant.join", "come"], ["participant.admit", "come"],
  ["participant.leave", "go"], ["participant.absent", "go"],
  ["participant.remove", "chair"], ["participant.word", "word"], ["participant.mute", "chair"],
  ["consultation.", "chair"], ["recording.", "recording"],
];

/** UTC of an entry, in microseconds. Pure. */
export function atOf(entry) {
  return entry.at_us ?? entry.at ?? entry.hlc?.[0] ?? 0;
}

/** How an entry is marked: "come", "go", "word", "chair", "recording" or "other". Pure. */
export function sortOf(entry) {
  const verb = entry.verb ?? "";
  return SORTS.find(([begins]) => verb.startsWith(begins))?.[1] ?? "other";
}

/** Whether somebody was given the word by it. Pure. */
export function speaks(entry) {
  return entry.verb === "participant.word" && Boolean(entry.params?.word_us);
}

/** Looking at it is told too, but is no part of what happened then. */
const BESIDE = new Set([
  "recording.replay", "recording.export", "recording.exported", "participant.here", "participant.contribute",
]);

export class Events {
  #asking = false;
  #known = new Set();
  #newestUs = 0;

  /** `doors` as in doors.js; `changed()` when there are more. */
  constructor({ doors, changed }) {
    this.doors = doors;
    this.changed = changed;
    this.list = [];
    /** Who spoke when: too many to stand among the others. */
    this.turns = new Turns();
    this.error = "";
  }

  /** Ask for those between two times that are not known yet. */
  async learn(fromUs, toUs) {
    if (this.#asking) return;
    this.#asking = true;
    // A turn is entered behind what happened meanwhile: what counts is when that was.
    const newest = this.#newestUs || fromUs;
    try {
      let cursor = "";
      do {
        const { items, next } = await this.doors.events({ from_us: newest, to_us: toUs, cursor, limit: PAGE });
        const fresh = items.filter((entry) => !this.#known.has(entry.id) && !BESIDE.has(entry.verb));
        for (const { id, hlc } of items) {
          this.#known.add(id);
          this.#newestUs = Math.max(this.#newestUs, hlc?.[0] ?? 0);
        }
        this.turns.add(fresh.filter(isTurn));
        this.list = [...this.list, ...fresh.filter((entry) => !isTurn(entry))].sort((a, b) => atOf(a) - atOf(b));
        cursor = next;
        this.error = "";
        if (fresh.length > 0) this.changed();
      } while (cursor && this.#known.size < MOST);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.error = error.code;
    } finally {
      this.#asking = false;
    }
  }

  /** The first behind `us` that `picks` takes, or null. */
  after(us, picks = () => true) {
    return this.list.find((entry) => atOf(entry) > us && picks(entry)) ?? null;
  }

  before(us, picks = () => true) {
    return this.list.findLast((entry) => atOf(entry) < us && picks(entry)) ?? null;
  }
}
