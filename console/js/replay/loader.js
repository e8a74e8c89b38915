// Fetches segment files, the nearest first and a few at a time, and hands their bytes on as they come: the first
// picture need not wait for the last byte.

import { ApiError } from "../api.js";

/** A browser opens six connections of HTTP/1.1 to one server: one is left for questions, more would wait unordered. */
const MOST = 5;

export class Loader {
  #waiting = [];
  #running = 0;

  /** `open(segment, signal)` gives a Response; throws ApiError. */
  constructor(open) {
    this.open = open;
  }

  /**
   * Fetch `segment`; `rank`: the least is fetched first. `take(bytes)` is awaited for each piece. Resolves when all is
   * taken; throws ApiError, and AbortError when `signal` says so.
   */
  load({ segment, rank, signal, take }) {
    return new Promise((done, failed) => {
      this.#waiting.push({ segment, rank, signal, take, done, failed });
      this.#next();
    });
  }

  /** Nothing is fetched or waits. */
  get isIdle() {
    return this.#running === 0 && this.#waiting.length === 0;
  }

  #next() {
    if (this.#running >= MOST || this.#waiting.length === 0) return;
    const best = this.#waiting.reduce((least, job) => (job.rank < least.rank ? job : least));
    this.#waiting.splice(this.#waiting.indexOf(best), 1);
    this.#running += 1;
    this.#run(best).then(best.done, best.failed).finally(() => {
      this.#running -= 1;
      this.#next();
    });
    this.#next();
  }

  async #run({ segment, signal, take }) {
    signal.throwIfAborted();
    const response = await this.open(segment, signal);
    const reader = response.body.getReader();
    try {
      for (;;) {
        const { done, value } = await this.#read(reader, signal);
        if (done) return;
        signal.throwIfAborted();
        await take(value);
      }
    } finally {
      // Also when `take` failed: nobody reads on.
      reader.cancel().catch(() => {});
    }
  }

  async #read(reader, signal) {
    try {
      return await reader.read();
    } catch {
      signal.throwIfAborted();
      throw new ApiError("network");
    }
  }
}
