// The time before another try: by chance, never shorter than asked, and cut short when there is reason to hope.

import { Backoff } from "./backoff.js";

/** When the server is back, all pages want it at once: they come within this time. */
const HURRY_MS = 2000;

export class Pause {
  #backoff = new Backoff();
  #timer = 0;
  #notBefore = 0;

  /** `over()` when it has ended by itself. */
  constructor(over) {
    this.over = over;
    /** When it ends; performance.now(). */
    this.until = 0;
  }

  get isOn() {
    return this.#timer !== 0;
  }

  /** Number of tries since the last success. */
  get tries() {
    return this.#backoff.attempts;
  }

  /** It has worked. */
  reset() {
    this.#backoff.reset();
  }

  begin(leastMs) {
    this.#notBefore = performance.now() + leastMs;
    this.#endAt(this.#notBefore + this.#backoff.next());
  }

  hurry() {
    const due = Math.max(performance.now(), this.#notBefore) + HURRY_MS * Math.random();
    if (due < this.until) this.#endAt(due);
  }

  end() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #endAt(due) {
    this.end();
    this.until = due;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      this.over();
    }, due - performance.now());
  }
}
