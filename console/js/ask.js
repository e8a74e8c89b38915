// Two small dialogs: asking for the token, and the list of keys.

import { Dialog } from "./dialog.js";
import { h, setText } from "./dom.js";
import { t } from "./i18n.js";

export class TokenDialog extends Dialog {
  #refused = false;
  #given = false;

  /** `given(token)` is called with what was typed. */
  constructor(given) {
    // Browsers let a second Escape close any dialog; without a token there is nothing behind this one.
    super("token.title", { lasting: true, closed: () => this.#given || this.open(this.input) });
    this.why = h("p", { id: "token-why" });
    this.label = h("span");
    this.input = h("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true });
    // Blanks alone are no token, and without one nothing is asked.
    this.input.pattern = ".*\\S.*";
    this.input.setAttribute("aria-describedby", this.why.id);
    this.go = h("button", { class: ["button", "main"] });
    const field = h("label", { class: "field" }, this.label, this.input);
    const form = h("form", { method: "dialog" }, field, h("div", { class: "row" }, this.go));
    form.addEventListener("submit", () => {
      this.#given = true;
      given(this.input.value);
    });
    this.body.append(this.why, form);
  }

  /** Ask; `refused` when the server did not accept the last one. */
  ask(refused) {
    this.#refused = refused;
    // What somebody is typing is not what was refused.
    if (this.#given || !this.isOpen) this.input.value = "";
    this.#given = false;
    this.open(this.input);
  }

  /** A token was taken, wherever it came from. */
  done() {
    this.#given = true;
    if (this.isOpen) this.close();
  }

  render() {
    super.render();
    setText(this.why, t(this.#refused ? "token.refused" : "token.missing"));
    setText(this.label, t("token.label"));
    setText(this.go, t("token.go"));
    this.input.setAttribute("aria-invalid", String(this.#refused));
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
