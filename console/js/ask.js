// Two small dialogs: the one question before what cannot be undone, and the list of keys.

import { Dialog } from "./dialog.js";
import { h, icon, setText } from "./dom.js";
import { t } from "./i18n.js";

export class Question extends Dialog {
  #key = "";
  #values = {};
  #answer = null;

  constructor() {
    super("dialog.sure", { closed: () => this.#done(false) });
    this.why = h("p");
    this.no = h("button", { class: "button", type: "button", on: { click: () => this.close() } });
    this.yes = h("button", { class: ["button", "danger"], type: "button", on: { click: () => this.#done(true) } });
    const trouble = h("div", { class: "trouble" }, icon("alert"), this.why);
    this.body.append(trouble, h("div", { class: "row" }, this.no, this.yes));
  }

  /** Ask by the words `ask.KEY.title`, `.why` (the consequence) and `.go`; true when it shall be. */
  ask(key, values = {}) {
    this.#done(false);
    this.#key = key;
    this.#values = values;
    this.titleKey = `ask.${key}.title`;
    const answer = new Promise((told) => {
      this.#answer = told;
    });
    // On what does no harm, so that Enter alone does none.
    this.open(this.no);
    return answer;
  }

  render() {
    if (!this.#key) return;
    super.render();
    setText(this.why, t(`ask.${this.#key}.why`, this.#values));
    setText(this.yes, t(`ask.${this.#key}.go`));
    setText(this.no, t("dialog.cancel"));
  }

  #done(yes) {
    const answer = this.#answer;
    this.#answer = null;
    if (this.isOpen) this.close();
    answer?.(yes);
  }
}

const KEYS = [
  [["↑", "↓", "←", "→"], "keys.move"],
  [["Enter"], "keys.enlarge"],
  [["Esc"], "keys.back"],
  [["M"], "keys.mute"],
  [["Shift", "M"], "keys.muteAll"],
  [["P"], "keys.pause"],
  [["B"], "keys.publish"],
  [["D"], "keys.microphone"],
  [["Play/Pause"], "keys.headset"],
  [["E"], "keys.camera"],
  [["H"], "keys.hand"],
  [["G"], "keys.layout"],
  [["␣"], "keys.play"],
  [[",", "."], "keys.step"],
  [["N"], "keys.event"],
  [["S"], "keys.speaker"],
  [["<", ">"], "keys.speed"],
  [["/"], "keys.search"],
  [["["], "keys.left"],
  [["]"], "keys.right"],
  [["L"], "keys.language"],
  [["T"], "keys.theme"],
  [["?"], "keys.help"],
];

export class KeysDialog extends Dialog {
  constructor() {
    super("keys.title");
    this.lines = KEYS.map(([names, key]) => {
      return { key, words: h("dd"), keys: h("dt", {}, names.map((name) => h("kbd", {}, name))) };
    });
    this.body.append(h("dl", { class: "keylist" }, this.lines.flatMap((line) => [line.keys, line.words])));
  }

  render() {
    super.render();
    for (const line of this.lines) setText(line.words, t(line.key));
  }
}
