// What identifiers are called, asked for many at a time and kept: entries and roles hold identifiers only.

import { ApiError } from "../api.js";
import { language, t } from "../i18n.js";

const MOST = 100;
const KEEP = 5000;
/** Those asked for within this are asked for together. */
const TOGETHER_MS = 20;

/** The end of an identifier, which tells two apart. Pure. */
export function tailOf(target) {
  return target.slice(-6);
}

export class Names {
  #known = new Map();
  #wanted = new Set();
  #timer = 0;
  #listeners = new Set();

  constructor(doors) {
    this.doors = doors;
  }

  /** Call `told()` when more names are known; gives what ends that. */
  listen(told) {
    this.#listeners.add(told);
    return () => this.#listeners.delete(told);
  }

  /** Have the names of `kind:id`s known soon. */
  want(targets) {
    for (const target of targets) if (!this.#known.has(target)) this.#wanted.add(target);
    if (this.#wanted.size > 0) this.#timer ||= setTimeout(() => this.#ask(), TOGETHER_MS);
  }

  /** What a `kind:id` is called; its end while, or where, that is not known. */
  of(target) {
    if (target === "system") return t("audit.system");
    const known = this.#known.get(target);
    if (!known) return target ? t("audit.unknown", { tail: tailOf(target) }) : "";
    const name = (language() === "en" && known.name_en) || known.name;
    return known.gone ? t("audit.gone", { name }) : name;
  }

  /** Names may have changed: they are asked for again when wanted. */
  forget() {
    this.#known.clear();
  }

  async #ask() {
    const wanted = [...this.#wanted].slice(0, MOST);
    for (const target of wanted) this.#wanted.delete(target);
    this.#timer = 0;
    if (this.#known.size > KEEP) this.#known.clear();
    try {
      const { names } = await this.doors.get("/names", { of: wanted.join(",") });
      // Those that are not told are kept as unknown, or they would be asked for again at once.
      for (const target of wanted) this.#known.set(target, names[target] ?? null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      return;
    }
    if (this.#wanted.size > 0) this.want([]);
    for (const told of [...this.#listeners]) told();
  }
}
