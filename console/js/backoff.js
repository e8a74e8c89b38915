// How long to wait before trying again: chance up to a bound that doubles, so that a room does not return as one. Pure.

export class Backoff {
  #attempt = 0;

  constructor({ firstMs = 500, longestMs = 15000, random = Math.random } = {}) {
    this.firstMs = firstMs;
    this.longestMs = longestMs;
    this.random = random;
  }

  /** Number of tries since the last success. */
  get attempts() {
    return this.#attempt;
  }

  /** Milliseconds to wait before the next try: anything up to the bound, or those who failed together return so. */
  next() {
    const full = Math.min(this.longestMs, this.firstMs * 2 ** this.#attempt);
    this.#attempt += 1;
    return full * this.random();
  }

  reset() {
    this.#attempt = 0;
  }
}
