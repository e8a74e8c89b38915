// Fetches stills of what has no moving picture here: one at a time, the most important first, and no faster than leaves
// two thirds of a thin link to the sound.

import { ApiError } from "./api.js";

/** A still of one source is worth another after so long; the server makes no newer one before. */
const EVERY_MS = 4000;
/** What failed is left alone for so long. */
const AGAIN_MS = 10000;
/** Between two, however wide the link: the wall fills in a few seconds, and the browser has time for other work. */
const LEAST_MS = 150;
const LONGEST_MS = 10000;
const LOOK_MS = 1000;
/** A queue in which speech suffers: stills wait until it is gone. The server tells when it passes this. */
const QUEUE_MS = 200;
/** Of what the link carries, stills take one part in so many. */
const SHARE = 3;
/** Beside the picture: heads, TLS and TCP. */
const AROUND_BYTES = 1200;

/** How long to wait after a still of `bytes`, whose body took `transferMs`; the link's `bps`, null: not known. Pure. */
export function pauseMs({ bytes, transferMs, bps }) {
  const part = bps ? ((bytes + AROUND_BYTES) * 8000 * SHARE) / bps - transferMs : 0;
  return Math.min(LONGEST_MS, Math.max(LEAST_MS, transferMs * (SHARE - 1), part));
}

/** Whose turn it is of `waiting`, [{rank, dueMs}], or null: the greatest rank, then who is due longest. Pure. */
export function nextOf(waiting, nowMs) {
  const due = waiting.filter(({ dueMs }) => dueMs <= nowMs);
  return due.sort((a, b) => b.rank - a.rank || a.dueMs - b.dueMs)[0] ?? null;
}

export class Stills {
  #members = new Map();
  #timer = 0;

  /** `fetch(source, {context, tag})` gives a still as `stillOf` of api.js does; `way()` is as Media has it. */
  constructor({ fetch, way }) {
    this.fetch = fetch;
    this.way = way;
  }

  /** `member`: {wantsStill, rank, source: {id}, context, showStill(bitmap, takenMs)}. Gives what ends it. */
  join(member) {
    this.#members.set(member, { member, tag: "", dueMs: 0 });
    this.#timer ||= setTimeout(() => this.#turn(), LEAST_MS);
    return () => this.#members.delete(member);
  }

  /** Something may be wanted now. */
  hurry() {
    if (!this.#timer) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#turn(), LEAST_MS);
  }

  async #turn() {
    this.#timer = 0;
    let waitMs = LOOK_MS;
    const queue = this.way()?.queueMs ?? 0;
    const wanting = [...this.#members.values()].filter(({ member }) => member.wantsStill);
    const next = queue > QUEUE_MS ? null : nextOf(wanting.map(turnOf), performance.now());
    if (next) waitMs = await this.#take(next.entry);
    if (this.#members.size > 0) this.#timer ||= setTimeout(() => this.#turn(), waitMs);
  }

  /** Fetch one; gives how long to wait then. */
  async #take(entry) {
    const { member } = entry;
    try {
      const found = await this.fetch(member.source.id, { context: member.context, tag: entry.tag });
      entry.dueMs = performance.now() + EVERY_MS;
      if (!found.blob) return LEAST_MS;
      entry.tag = found.tag;
      const bitmap = await createImageBitmap(found.blob);
      if (this.#members.has(member) && member.wantsStill) member.showStill(bitmap, found.takenMs);
      bitmap.close();
      return pauseMs({ bytes: found.blob.size, transferMs: found.transferMs, bps: this.way()?.bps ?? null });
    } catch (error) {
      // What is no picture, or did not come, is asked for again later.
      if (!(error instanceof ApiError) && !(error instanceof DOMException)) reportError(error);
      entry.dueMs = performance.now() + AGAIN_MS;
      return LOOK_MS;
    }
  }
}

function turnOf(entry) {
  return { rank: entry.member.rank, dueMs: entry.dueMs, entry };
}
