// What I may administer, and where: as the server says with each unit, so that it changes as my roles do.

import { ApiError } from "../api.js";

/** What the pages of administration are shown for. */
const TOLD = ["manage", "audit", "admin"];

export class Rights {
  #follows = new Map();
  #learned = false;
  #told = "";

  /** `changed()` when what I may has changed. */
  constructor({ link, doors, account, changed }) {
    this.link = link;
    this.doors = doors;
    this.account = account;
    this.changed = changed;
  }

  /** Whether the server has said it; until then nothing is refused here. */
  get known() {
    return this.#learned && [...this.#follows.keys()].every((topic) => this.link.store.knows(topic));
  }

  /** Learn where my roles are; the tree may not be open there. To be called when the link is up, and now and then. */
  async learn() {
    const { person } = this.account;
    try {
      const { roles } = await this.doors.record("person", person.id);
      for (const { scope } of roles) await this.#follow(scope);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return;
    }
    this.#learned = true;
    this.#look();
  }

  /** Whether I have a right anywhere. */
  somewhere(right) {
    if (this.link.rights.includes(right)) return true;
    return this.link.store.all("unit").some((unit) => (unit.may ?? []).includes(right));
  }

  /** Whether there is anything for me to administer. */
  get any() {
    return TOLD.some((right) => this.somewhere(right));
  }

  /** Tell only what is news: the topics tell much more than rights. */
  #look() {
    const now = [this.known, ...TOLD.map((right) => this.somewhere(right))].join();
    if (now === this.#told) return;
    this.#told = now;
    this.changed();
  }

  async #follow(scope) {
    const { parent } = await this.doors.record("unit", scope);
    const topic = `unit:${parent || "root"}`;
    if (!this.#follows.has(topic)) this.#follows.set(topic, this.link.follow(topic, () => this.#look()));
  }
}
