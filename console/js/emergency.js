// An emergency: everything of a unit is recorded until somebody takes it back. The bar that all see whom it concerns,
// the dialog that declares one, and the question before it is taken back.

import { Note } from "./acts.js";
import { dateOf, timeOfDay } from "./clock.js";
import { Dialog } from "./dialog.js";
import { h, icon, set, setText } from "./dom.js";
import { t } from "./i18n.js";
import { List } from "./list.js";
import { unitNameOf } from "./names.js";

const ABOUT = "emergency";

class DeclareDialog extends Dialog {
  #unit = null;

  constructor(acts) {
    super("emergency.begin");
    this.acts = acts;
    this.why = h("p");
    this.label = h("span");
    this.input = h("textarea", { rows: 3, maxLength: 2000, class: "wide-input", required: true });
    this.note = new Note();
    this.no = h("button", { class: "button", type: "button", on: { click: () => this.close() } });
    this.go = h("button", { class: ["button", "danger"] });
    const row = h("div", { class: "row" }, this.note.element, this.no, this.go);
    const trouble = h("div", { class: "trouble" }, icon("record"), this.why);
    const form = h("form", { method: "dialog" }, trouble, h("label", { class: "field" }, this.label, this.input), row);
    // What is missing is said in the page's language, not the browser's.
    form.noValidate = true;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#declare();
    });
    this.body.append(form);
    acts.listen((about) => about === ABOUT && this.isOpen && this.render());
  }

  /** `unit`: {id, name}. */
  ask(unit) {
    this.#unit = unit;
    this.input.value = "";
    this.open(this.input);
  }

  render() {
    super.render();
    setText(this.why, t("emergency.why", { unit: this.#unit?.name ?? "" }));
    setText(this.label, t("emergency.reason"));
    setText(this.no, t("dialog.cancel"));
    setText(this.go, t("emergency.go"));
    this.note.render(this.acts.of(ABOUT));
  }

  async #declare() {
    const params = { unit: this.#unit.id, reason: this.input.value };
    if (await this.acts.run(ABOUT, "emergency.begin", params)) this.close();
    else this.input.focus();
  }
}

export class Emergencies {
  #listeners = new Set();
  #told = "";

  /** `desk`: {link, acts, question, rhythm}; its places are followed by it. */
  constructor({ link, acts, question, rhythm }) {
    this.link = link;
    this.acts = acts;
    this.question = question;
    this.dialog = new DeclareDialog(acts);
    this.element = document.getElementById("emergencies");
    this.element.setAttribute("role", "alert");
    this.rows = h("ul");
    this.list = new List(this.rows, (emergency) => this.#row(emergency));
    this.element.append(this.rows);
    acts.listen((about) => about.startsWith(ABOUT) && this.draw());
    rhythm.join(this);
  }

  /** What is declared and concerns me, the oldest first. */
  get all() {
    return [...this.link.store.of("places", "emergency").values()].sort((one, other) => one.from_us - other.from_us);
  }

  /** The one of a unit, or null. */
  of(unit) {
    return this.all.find((emergency) => emergency.unit === unit) ?? null;
  }

  /** Call `told()` when there are others than before; gives what ends that. */
  listen(told) {
    this.#listeners.add(told);
    return () => this.#listeners.delete(told);
  }

  /** Declare one of a unit {id, name}, or ask whether the one there is shall end. */
  press(unit) {
    const declared = this.of(unit.id);
    if (declared) this.end(declared.unit, unit.name);
    else this.dialog.ask(unit);
  }

  /** What `press` does, in words. */
  wordsOf(unit) {
    return t(this.of(unit.id) ? "emergency.end" : "emergency.begin");
  }

  async end(unit, name) {
    if (!(await this.question.ask("emergency", { unit: name }))) return false;
    return this.acts.run(`${ABOUT}/${unit}`, "emergency.end", { unit });
  }

  /** To be called when places have changed; each second it is called anyway. */
  draw() {
    const { all } = this;
    set(this.element, { hidden: all.length === 0 });
    this.list.show(all);
    if (this.dialog.isOpen) this.dialog.render();
    const now = all.map(({ id }) => id).join();
    if (now === this.#told) return;
    this.#told = now;
    for (const told of [...this.#listeners]) told();
  }

  #row(first) {
    const words = h("strong");
    const more = h("span", { class: "numbers" });
    const note = new Note();
    const end = h("button", { class: "button", type: "button" });
    end.addEventListener("click", () => this.end(first.unit, unitNameOf(first)));
    const element = h("li", {}, icon("record"), h("div", {}, words, more), note.element, end);
    const render = (emergency) => {
      const at = emergency.from_us / 1000;
      const { by_name: by, reason, may = [] } = emergency;
      setText(words, t("emergency.runs", { unit: unitNameOf(emergency) }));
      setText(more, t("emergency.by", { by, day: dateOf(at), time: timeOfDay(at), reason }));
      setText(end, t("emergency.end"));
      set(end, { hidden: !may.includes("record") });
      note.render(this.acts.of(`${ABOUT}/${emergency.unit}`));
    };
    return { element, render };
  }
}
