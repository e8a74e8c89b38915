// One unit, person or endpoint as it is now, with what I may do to it; follows it wherever it is moved to.

import { ApiError } from "../api.js";

/** Of a topic's record, what of it is news for `known`; the topic leaves out what only some may know. Pure. */
export function merged(known, told) {
  return told ? { ...known, ...told } : known;
}

export class Subject {
  #ends = [];
  #topics = [];
  #over = false;
  #turn = 0;

  /** `changed()` whenever anything here did. */
  constructor({ link, doors, kind, id, changed }) {
    Object.assign(this, { link, doors, kind, id, changed });
    /** "asking", "here", "gone" or "trouble" with its `code`. */
    this.state = "asking";
    this.code = "";
    this.record = null;
    /** The record of its unit; of a unit itself. */
    this.unit = null;
    this.load();
  }

  get key() {
    return `${this.kind}:${this.id}`;
  }

  /** Rights to it, null while they are not known. */
  get may() {
    return this.unit?.may ?? null;
  }

  /** Ask for it anew, and follow what it is in. */
  async load() {
    this.#turn += 1;
    const turn = this.#turn;
    try {
      const record = await this.doors.record(this.kind, this.id);
      const unit = this.kind === "unit" ? record : await this.doors.record("unit", record.unit);
      if (turn !== this.#turn || this.#over) return;
      this.state = "here";
      this.record = record;
      this.unit = { ...unit, may: this.unit?.id === unit.id ? this.unit.may : null };
      this.#follow();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn || this.#over) return;
      this.state = error.status === 404 ? "gone" : "trouble";
      this.code = error.code;
    }
    this.#look();
    this.changed();
  }

  stop() {
    this.#over = true;
    for (const end of this.#ends) end();
    this.#ends = [];
  }

  #follow() {
    const topics = [`unit:${this.unit.parent || "root"}`];
    if (this.kind !== "unit") topics.push(`unit:${this.unit.id}`);
    if (topics.join() === this.#topics.join()) return;
    const ends = this.#ends;
    this.#topics = topics;
    // First the new, then the old: what is in both is not asked for again.
    this.#ends = topics.map((topic) => this.link.follow(topic, () => this.#told()));
    for (const end of ends) end();
  }

  #told() {
    if (this.#over || this.state !== "here") return;
    if (!this.#look()) this.load();
    this.changed();
  }

  /** Take what the topics say; false where it is not where it was. */
  #look() {
    if (this.state !== "here") return true;
    const { store } = this.link;
    const [above, own] = this.#topics;
    const unit = store.of(above, "unit").get(this.unit.id);
    if (unit) this.unit = merged(this.unit, unit);
    else if (store.knows(above)) return false;
    if (this.kind === "unit") {
      this.record = merged(this.record, unit);
      return true;
    }
    const told = store.of(own, this.kind).get(this.id);
    this.record = merged(this.record, told);
    return Boolean(told) || !store.knows(own);
  }
}
