// Small pictures of other times than the one that is on, for the strip: fetched one at a time, when nothing that is
// played waits, and kept for a while. Draws nothing.

import { ApiError } from "../api.js";

/** Some 230 KB each, as a browser keeps them. */
const MOST = 96;
const LOOK_MS = 120;
/** What there is none of, or could not be had, is asked for again after so long. */
const AGAIN_MS = 15000;

export class Shelf {
  #kept = new Map();
  #wanted = [];
  #timer = 0;
  #abort = null;

  /**
   * `fetch(track, us, signal)` gives a Blob; `isFree(patient)`: whether one may be asked for now, `patient` for what
   * nobody points at; `changed()` when there is one more.
   */
  constructor({ fetch, isFree, changed }) {
    this.fetch = fetch;
    this.isFree = isFree;
    this.changed = changed;
  }

  /** The picture of a track at a time, an ImageBitmap that stays the shelf's, or null. */
  get(track, us) {
    const key = keyOf(track, us);
    const had = this.#kept.get(key);
    if (!had?.bitmap) return null;
    // The one that was looked at last goes last.
    this.#kept.delete(key);
    this.#kept.set(key, had);
    return had.bitmap;
  }

  /** Say what is wanted from now on: [{track, us, patient}], the first first. */
  want(wanted) {
    this.#wanted = wanted;
    if (this.#next()) this.#timer ||= setTimeout(() => this.#turn(), LOOK_MS);
  }

  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#wanted = [];
    this.#abort?.abort();
    for (const { bitmap } of this.#kept.values()) bitmap?.close();
    this.#kept.clear();
  }

  #next() {
    const now = performance.now();
    return this.#wanted.find(({ track, us }) => {
      const had = this.#kept.get(keyOf(track, us));
      return !had || (!had.bitmap && now - had.askedAt > AGAIN_MS);
    });
  }

  #turn() {
    this.#timer = 0;
    const next = this.#next();
    // What is played waits: it is to have the line for itself.
    if (this.#abort) {
      if (!this.isFree(false)) this.#abort.abort();
    } else if (next && this.isFree(Boolean(next.patient))) this.#take(next);
    if (this.#abort || next) this.#timer ||= setTimeout(() => this.#turn(), LOOK_MS);
  }

  async #take({ track, us }) {
    const abort = new AbortController();
    const entry = { bitmap: null, askedAt: performance.now() };
    this.#abort = abort;
    try {
      entry.bitmap = await createImageBitmap(await this.fetch(track, us, abort.signal));
    } catch (error) {
      if (!(error instanceof ApiError) && !(error instanceof DOMException)) reportError(error);
    }
    this.#abort = null;
    // Given up for what is played: wanted as before.
    if (abort.signal.aborted) {
      entry.bitmap?.close();
      return;
    }
    this.#kept.set(keyOf(track, us), entry);
    for (const [key, { bitmap }] of this.#kept) {
      if (this.#kept.size <= MOST) break;
      this.#kept.delete(key);
      bitmap?.close();
    }
    if (entry.bitmap) this.changed();
    clearTimeout(this.#timer);
    this.#timer = this.#next() ? setTimeout(() => this.#turn(), 0) : 0;
  }
}

function keyOf(track, us) {
  return `${track} ${us}`;
}
