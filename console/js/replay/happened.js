// What happened, in words, beside the pictures: press a line to be there. Only the lines around the position are drawn.

import { timeOfDay } from "../clock.js";
import { h, setAria, setText } from "../dom.js";
import { isAside, sentenceOf, targetsOf } from "../admin/sentence.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { atOf, sortOf } from "./events.js";

const AROUND = 60;

export class Happened {
  #current = "";
  #drawn = "";
  #shown = [];

  /** `events` as in events.js, `names` as in called.js, `go(us)`. */
  constructor({ events, names, go }) {
    this.events = events;
    this.names = names;
    this.go = go;
    this.title = h("h2");
    this.none = h("p", { class: ["soft", "none"] });
    this.rows = h("ol", { class: "happened-rows" });
    this.list = new List(this.rows, (entry) => this.#row(entry));
    this.element = h("section", { class: "happened" }, this.title, this.none, this.rows);
  }

  /** `us`: where the clock is; `afresh`: words may be others. */
  render(us, afresh) {
    const { list } = this.events;
    const at = list.findLastIndex((entry) => atOf(entry) <= us);
    // Ten times a second nothing is new.
    const key = `${list.length} ${at}`;
    if (key === this.#drawn && !afresh) return;
    this.#drawn = key;
    setText(this.title, t("replay.happened"));
    const all = list.filter((entry) => entry.object && !isAside(entry));
    const index = all.findLastIndex((entry) => atOf(entry) <= us);
    const from = Math.max(0, Math.floor((index - AROUND) / AROUND) * AROUND);
    this.#shown = all.slice(from, from + 3 * AROUND);
    this.names.want(this.#shown.flatMap(targetsOf));
    this.list.show(this.#shown);
    this.none.hidden = all.length > 0;
    setText(this.none, t(this.events.error ? "replay.happened.trouble" : "replay.happened.none"));
    const current = all[index]?.id ?? "";
    if (current === this.#current) return;
    this.#mark(current);
  }

  #mark(current) {
    this.#current = current;
    for (const entry of this.#shown) setAria(this.list.row(entry.id).element, { current: entry.id === current });
    const { element } = this.list.row(current) ?? {};
    // Not under the hand of who is reading.
    if (!element || this.rows.matches(":hover, :focus-within")) return;
    const { offsetTop: top, offsetHeight: height } = element;
    this.element.scrollTo({ top: top - this.element.clientHeight / 2 + height });
  }

  #row(first) {
    const time = h("span", { class: ["numbers", "soft"] });
    const words = h("span");
    const press = h("button", { class: "happened-row", type: "button", data: { sort: sortOf(first) } });
    press.append(h("i", { class: "dot" }), time, words);
    press.addEventListener("click", () => this.go(atOf(first)));
    return {
      element: h("li", {}, press),
      render: (entry) => {
        setText(time, timeOfDay(atOf(entry) / 1000));
        setText(words, sentenceOf(entry, this.names));
      },
    };
  }
}
