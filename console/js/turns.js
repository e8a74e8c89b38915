// How many things may be in hand at once; the others wait in line. No elements, no network here.

export class Turns {
  #free;
  #line = [];

  constructor(most) {
    this.#free = most;
  }

  /** Do `act()` when there is room and give what it gives. Throws the signal's reason when aborted while waiting. */
  async take(act, signal) {
    await this.#enter(signal);
    try {
      return await act();
    } finally {
      this.#leave();
    }
  }

  async #enter(signal) {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise((enter, giveUp) => {
      this.#line.push(enter);
      signal.addEventListener("abort", () => {
        const place = this.#line.indexOf(enter);
        if (place >= 0) this.#line.splice(place, 1);
        giveUp(signal.reason);
      });
    });
  }

  #leave() {
    const next = this.#line.shift();
    if (next) next();
    else this.#free += 1;
  }
}
