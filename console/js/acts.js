// What became of the acts somebody did, kept with the thing each concerns, so that it is said there and nowhere else.

import { h, set, setText } from "./dom.js";
import { refusalWords } from "./said.js";
import { t } from "./i18n.js";
import { Refusal } from "./wire.js";

/** Done is shown this long; a refusal stays until it can have been read. */
const DONE_MS = 2500;
/** Long enough to see that it was the wrong one, and to reach the way back. */
const UNDO_MS = 8000;
const REFUSED_MS = 15000;

export class Acts {
  #said = new Map();
  #timers = new Map();
  #listeners = new Set();

  constructor(link) {
    this.link = link;
  }

  /** Call `told(about)` when what is said of a thing changes; gives what ends that. */
  listen(told) {
    this.#listeners.add(told);
    return () => this.#listeners.delete(told);
  }

  /** Null, or {state: "sent", "done" or "refused", code, undo: a function or null} of the last act about a thing. */
  of(about) {
    return this.#said.get(about) ?? null;
  }

  /**
   * Do an act about a thing; true when it was done. What went wrong is said at the thing. `back(made)`: the act
   * {name, params} that undoes it, or none is offered.
   */
  async run(about, name, params, back = null) {
    const { made } = await this.make(about, name, params, back);
    return made !== null;
  }

  /** As `run`, but gives {made, refusal}: the id of what was made (null when refused), and the Refusal or null. */
  async make(about, name, params, back = null) {
    this.#say(about, { state: "sent", code: "", undo: null }, 0);
    try {
      const made = await this.link.act(name, params);
      const way = back?.(made);
      const undo = way ? () => this.run(about, way.name, way.params) : null;
      this.#say(about, { state: "done", code: "", undo }, undo ? UNDO_MS : DONE_MS);
      return { made, refusal: null };
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.refuse(about, error.code);
      return { made: null, refusal: error };
    }
  }

  /** Say that something done without the person's asking was refused. */
  refuse(about, code) {
    this.#say(about, { state: "refused", code, undo: null }, REFUSED_MS);
  }

  #say(about, said, forMs) {
    clearTimeout(this.#timers.get(about));
    this.#timers.delete(about);
    if (said) this.#said.set(about, said);
    else this.#said.delete(about);
    if (forMs) this.#timers.set(about, setTimeout(() => this.#say(about, null, 0), forMs));
    for (const told of [...this.#listeners]) told(about);
  }
}

/** The words of what `Acts.of` gives, "" for null. */
export function saidWords(said) {
  if (!said) return "";
  return said.state === "refused" ? refusalWords(said.code) : t(`act.${said.state}`);
}

/** A place for what is said of a thing; hidden while nothing is. */
export class Note {
  #undo = null;

  constructor() {
    this.words = h("span", { role: "status" });
    const press = (event) => {
      // What lies below is not pressed with it.
      event.stopPropagation();
      this.#undo();
    };
    this.undo = h("button", { class: ["button", "undo"], type: "button", on: { click: press } });
    this.element = h("span", { class: "note", hidden: true }, this.words);
  }

  render(said) {
    const { element } = this;
    set(element, { hidden: !said });
    set(element.dataset, { said: said?.state ?? "" });
    setText(this.words, saidWords(said));
    set(this.words, { title: this.words.textContent });
    this.#undo = said?.undo ?? null;
    setText(this.undo, t("act.undo"));
    if (!this.#undo) this.undo.remove();
    else if (!this.undo.isConnected) element.append(this.undo);
  }
}
