// How much of the link pictures may take, as somebody chose it for this browser; kept from visit to visit.

const KEEP = "huishang.mode";
/** As the link carries; the same without stills; the lowest frame rate; stills only; nothing to see. */
export const MODES = ["auto", "full", "slow", "stills", "sound"];

export class Thin {
  #heard = new Set();

  constructor() {
    const kept = localStorage.getItem(KEEP);
    this.mode = MODES.includes(kept) ? kept : MODES[0];
  }

  /** Moving pictures are taken at all. */
  get moves() {
    return this.mode !== "stills" && this.mode !== "sound";
  }

  choose(mode) {
    if (mode === this.mode) return;
    this.mode = mode;
    localStorage.setItem(KEEP, mode);
    for (const act of this.#heard) act();
  }

  /** Call `act` after each change. Gives what ends it. */
  listen(act) {
    this.#heard.add(act);
    return () => this.#heard.delete(act);
  }
}
