// Which of what I send is part of this consultation: what this page sends, beside what other pages of mine do.

import { Refusal } from "../wire.js";

/** A page of mine that ended without a word sends nothing for so long; then its places go. */
const GONE_MS = 8000;

export class Contribution {
  #asked = "";
  #refused = "";

  /** `desk`: {link, own, acts, now()}. */
  constructor(id, desk) {
    this.id = id;
    this.desk = desk;
  }

  /** In it anew, or the link is: what was said before may be forgotten. */
  begin() {
    this.#asked = "";
  }

  /** `room` or the time changed: another page of mine may have spoken without knowing of this one, or be gone. */
  check(room) {
    const isIn = this.desk.own.sources.every((id) => room.own.sources.includes(id));
    if (isIn && !this.#hasGone(room)) this.#asked = "";
    else this.tell(room, { unless: this.#refused });
  }

  /** Say what of mine belongs here, unless it is known in `room`, was said just now, or is `unless`. */
  async tell(room, { unless = "" } = {}) {
    const sources = [...this.desk.own.sources, ...this.#ofOthers(room)];
    const [known, now] = [room.own.sources, sources].map((some) => [...some].sort().join(" "));
    const step = `${known} > ${now}`;
    if (known === now || step === this.#asked || step === unless) return;
    this.#asked = step;
    this.#refused = "";
    try {
      await this.#say(sources);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      if (this.#asked === step) this.#asked = "";
      this.#refused = step;
      this.desk.acts.refuse("own", error.code);
    }
  }

  /** This page goes: its places go with it, those of my other pages stay. */
  letGo(room) {
    if (this.desk.own.sources.length > 0) this.#say(this.#ofOthers(room)).catch(() => {});
  }

  #say(sources) {
    return this.desk.link.act("consultation.contribute", { consultation: this.id, sources });
  }

  #hasGone(room) {
    const before = this.desk.now() - GONE_MS;
    const isGone = (one) => one?.state === "offline" && one.since_us / 1000 < before;
    return room.own.sources.some((id) => !this.desk.own.isMine(id) && isGone(room.sources.get(id)));
  }

  #ofOthers(room) {
    const isThere = (id) => (room.sources.get(id)?.state ?? "offline") !== "offline";
    return room.own.sources.filter((id) => !this.desk.own.isMine(id) && isThere(id));
  }
}
