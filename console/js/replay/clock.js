// The master clock of a replay: which UTC is on the screen. It runs, rests, or is held until the pictures are there.
// Pure: `now` is local monotonic time in milliseconds; positions are microseconds UTC.

export const SPEEDS = [0.5, 1, 1.5, 2, 4, 8];

export class MasterClock {
  #us;
  #since = 0;
  #playing = false;
  #held = false;
  #speed = 1;

  /** Of what was recorded between `fromUs` and `toUs`. */
  constructor(fromUs, toUs) {
    this.fromUs = fromUs;
    this.toUs = toUs;
    this.#us = fromUs;
  }

  /** Somebody wants it to run. */
  get playing() {
    return this.#playing;
  }

  /** It runs. */
  get runs() {
    return this.#playing && !this.#held;
  }

  get held() {
    return this.#held;
  }

  get speed() {
    return this.#speed;
  }

  at(now) {
    const us = this.runs ? this.#us + (now - this.#since) * 1000 * this.#speed : this.#us;
    return Math.round(Math.min(Math.max(us, this.fromUs), this.toUs));
  }

  isAtEnd(now) {
    return this.at(now) >= this.toUs;
  }

  /** What is being recorded grows; what is deleted shrinks. */
  bound(fromUs, toUs, now) {
    this.#settle(now);
    this.fromUs = fromUs;
    this.toUs = Math.max(fromUs, toUs);
    this.#us = this.at(now);
  }

  seek(us, now) {
    this.#us = us;
    this.#since = now;
    this.#us = this.at(now);
  }

  play(now) {
    this.#settle(now);
    this.#playing = true;
  }

  pause(now) {
    this.#settle(now);
    this.#playing = false;
  }

  /** Wait for pictures, or go on. */
  hold(held, now) {
    if (held === this.#held) return;
    this.#settle(now);
    this.#held = held;
  }

  setSpeed(speed, now) {
    this.#settle(now);
    this.#speed = Math.min(Math.max(speed, SPEEDS[0]), SPEEDS.at(-1));
  }

  #settle(now) {
    this.#us = this.at(now);
    this.#since = now;
  }
}
