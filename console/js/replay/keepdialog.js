// The dialog in which who manages a recording sets how long it is kept, and keeps it from deletion for a reason.

import { Note } from "../acts.js";
import { Dialog } from "../dialog.js";
import { h, set, setText } from "../dom.js";
import { t } from "../i18n.js";

const ABOUT = "recording-keep";
const CLASSES = ["brief", "ordinary", "lasting"];

export class KeepDialog extends Dialog {
  #recording = null;

  /** `acts`: as in acts.js; `changed(recording)` with what it is from now on. */
  constructor(acts, changed) {
    super("recordings.keep");
    this.acts = acts;
    this.changed = changed;
    this.why = h("p", { class: "soft" });
    this.classWords = h("span");
    this.select = h("select", { name: "retention" }, CLASSES.map((value) => h("option", { value })));
    this.holdWords = h("span");
    this.hold = h("input", { name: "hold", type: "text", autocomplete: "off", maxLength: 2000 });
    this.hint = h("small", { class: ["soft", "hint"] });
    this.note = new Note();
    this.go = h("button", { class: ["button", "main"] });
    const chosen = h("label", { class: "field" }, this.classWords, this.select);
    const held = h("label", { class: "field" }, this.holdWords, this.hold, this.hint);
    const row = h("div", { class: "row" }, this.note.element, this.go);
    const form = h("form", { method: "dialog" }, this.why, chosen, held, row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#save();
    });
    this.body.append(form);
    acts.listen((about) => about === ABOUT && this.render());
  }

  ask(recording) {
    this.#recording = recording;
    this.select.value = recording.retention;
    this.hold.value = recording.hold;
    this.open(this.select);
  }

  render() {
    super.render();
    setText(this.why, this.#recording?.title ?? "");
    set(this.why, { hidden: this.why.textContent === "" });
    setText(this.classWords, t("recordings.class"));
    for (const option of this.select.options) setText(option, t(`recordings.class.${option.value}`));
    setText(this.holdWords, t("recordings.hold"));
    setText(this.hint, t("recordings.hold.hint"));
    setText(this.go, t("recordings.keep.go"));
    this.note.render(this.acts.of(ABOUT));
  }

  async #save() {
    const { id: recording, retention: had, hold: held } = this.#recording;
    const [retention, reason] = [this.select.value, this.hold.value.trim()];
    // What keeps more comes first: nobody deletes in between.
    if (reason !== held) {
      if (!(await this.acts.run(ABOUT, "recording.hold", { recording, reason }))) return;
      this.#recording = { ...this.#recording, hold: reason };
      this.changed(this.#recording);
    }
    if (retention !== had) {
      if (!(await this.acts.run(ABOUT, "recording.retain", { recording, retention }))) return;
      this.changed({ ...this.#recording, retention });
    }
    this.close();
  }
}
