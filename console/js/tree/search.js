// The search box of the tree: asks the server while somebody types, the newest question counts.

import { ApiError } from "../api.js";
import { h, icon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { refusalWords } from "../said.js";

/** Between two letters of who types; asking for each would only be in its own way. */
const PAUSE_MS = 150;

export class SearchBox {
  #timer = 0;
  #turn = 0;
  #error = null;
  #entered = false;

  /**
   * `search(words)` gives a list, throws ApiError; `changed()` when `results` did; `take(first)` the best of them, when
   * somebody pressed Enter.
   */
  constructor(search, changed, take) {
    this.search = search;
    this.changed = changed;
    this.take = take;
    /** What was found, null while nothing is looked for. */
    this.results = null;
    this.isAsking = false;
    this.input = h("input", { type: "search", autocomplete: "off", spellcheck: "false", maxLength: 64 });
    this.input.addEventListener("input", (event) => !event.isComposing && this.#typed());
    this.input.addEventListener("compositionend", () => this.#typed());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.trouble = h("p", { class: ["small", "search-trouble"], role: "alert", hidden: true });
    this.element = h("div", { class: "search" }, h("label", {}, icon("search"), this.input), this.trouble);
  }

  /** The last question was not answered; what went wrong is said. */
  get hasFailed() {
    return this.#error !== null;
  }

  render() {
    this.input.placeholder = t("tree.search");
    setLabel(this.input, t("tree.search.why"));
    this.trouble.hidden = !this.#error;
    if (this.#error) setText(this.trouble, refusalWords(this.#error.code));
  }

  /** Look for nothing any more. */
  clear() {
    this.input.value = "";
    this.#typed();
  }

  #key(event) {
    if (event.key === "Enter" && !event.isComposing) {
      // A form around it is not sent by looking for somebody.
      event.preventDefault();
      this.#entered = true;
      this.#takeFirst();
    }
    if (event.key === "Escape" && this.input.value) {
      this.clear();
      event.stopPropagation();
    } else if (event.key === "ArrowDown") {
      this.element.parentElement.querySelector("[role=tree]").focus();
      event.preventDefault();
    }
  }

  #typed() {
    clearTimeout(this.#timer);
    const words = this.input.value.trim();
    this.#turn += 1;
    this.#entered = false;
    this.#error = null;
    if (!words) {
      this.results = null;
      this.isAsking = false;
      this.changed();
      return;
    }
    this.isAsking = true;
    this.#timer = setTimeout(() => this.#ask(words, this.#turn), PAUSE_MS);
  }

  async #ask(words, turn) {
    let found = [];
    let failed = null;
    try {
      found = await this.search(words);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      failed = error;
    }
    if (turn !== this.#turn) return;
    this.isAsking = false;
    this.results = found;
    this.#error = failed;
    this.changed();
    this.#takeFirst();
  }

  /** Enter may come before the answer. */
  #takeFirst() {
    if (!this.#entered || this.isAsking || !this.results) return;
    this.#entered = false;
    if (this.results.length > 0) this.take(this.results[0]);
  }
}
