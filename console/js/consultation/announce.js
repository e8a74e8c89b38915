// The dialog in which the chair writes a text for everybody, or takes it back.

import { Note } from "../acts.js";
import { Dialog } from "../dialog.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";

const ABOUT = "announce";

export class AnnounceDialog extends Dialog {
  #consultation = null;

  constructor(acts) {
    super("announce.title");
    this.acts = acts;
    this.why = h("p", { class: "soft" });
    this.input = h("textarea", { rows: 4, maxLength: 2000, class: "wide-input" });
    this.note = new Note();
    this.back = h("button", { class: "button", type: "button", on: { click: () => this.#say("") } });
    this.go = h("button", { class: ["button", "main"] });
    const row = h("div", { class: "row" }, this.note.element, this.back, this.go);
    const form = h("form", { method: "dialog" }, this.why, h("div", { class: "field" }, this.input), row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#say(this.input.value);
    });
    this.body.append(form);
    acts.listen((about) => about === ABOUT && this.render());
  }

  ask(consultation) {
    this.#consultation = consultation;
    this.input.value = consultation.announcement;
    this.open(this.input);
  }

  render() {
    super.render();
    setText(this.why, t("announce.why"));
    this.input.setAttribute("aria-label", t("announce.title"));
    setText(this.go, t("announce.go"));
    setText(this.back, t("announce.back"));
    this.back.hidden = !this.#consultation?.announcement;
    this.note.render(this.acts.of(ABOUT));
  }

  async #say(text) {
    const { id } = this.#consultation;
    if (await this.acts.run(ABOUT, "consultation.announce", { consultation: id, text })) this.close();
  }
}
