// What moves with time is drawn once a second, by the server's clock and all of it together: every frame that the page
// draws for a clock of its own costs about as much as a picture that plays. Only what lives is drawn more often.

const SECOND_MS = 1000;
const BEAT_MS = 100;
/** Before the second: what is measured then is drawn with it. */
const AHEAD_MS = 100;
/** Timers come early by a fraction of a millisecond, and clocks would show the second before. */
const AFTER_MS = 2;

export class Rhythm {
  #parts = new Set();
  #timer = 0;
  #drawn = 0;
  #measured = 0;

  /** `now()`: server UTC in ms. */
  constructor(now) {
    this.now = now;
  }

  /**
   * Call what `part` has of `beat()`, ten times a second while its `isLively()` is true; `measure()`, shortly before
   * each second; `draw()`, with each. Gives what ends that.
   */
  join(part) {
    this.#parts.add(part);
    if (!this.#timer) this.#wait();
    return () => {
      this.#parts.delete(part);
      if (this.#parts.size > 0) return;
      clearTimeout(this.#timer);
      this.#timer = 0;
    };
  }

  #wait() {
    const now = this.now();
    const past = now % SECOND_MS;
    const isLively = this.#lively().length > 0;
    const quiet = past < SECOND_MS - AHEAD_MS ? SECOND_MS - AHEAD_MS - past : SECOND_MS - past;
    const wait = isLively ? BEAT_MS - (now % BEAT_MS) : quiet;
    this.#timer = setTimeout(() => this.#beat(), wait + AFTER_MS);
  }

  #beat() {
    this.#wait();
    const now = this.now();
    const second = Math.floor(now / SECOND_MS);
    const coming = Math.floor((now + AHEAD_MS) / SECOND_MS);
    this.#call("beat", this.#lively());
    if (coming !== this.#measured) this.#call("measure");
    if (second !== this.#drawn) this.#call("draw");
    this.#measured = coming;
    this.#drawn = second;
  }

  #lively() {
    return this.#call("isLively").filter(({ gave }) => gave).map(({ part }) => part);
  }

  /** What each of `parts` gave. One that fails keeps no other from its turn. */
  #call(name, parts = [...this.#parts]) {
    return parts.map((part) => {
      try {
        return { part, gave: part[name]?.() };
      } catch (error) {
        reportError(error);
        return { part, gave: null };
      }
    });
  }
}
