// What is told once: a link or a token, to be copied or read from the screen by a phone.

import { ApiError } from "../api.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { refusalWords } from "../said.js";
import { Press } from "./field.js";

const SVG = "http://www.w3.org/2000/svg";
const QUIET = 4;

/** The path of the dark modules of `rows`. Pure. */
export function pathOf(rows) {
  const runs = [];
  for (const [y, row] of rows.entries()) {
    for (const { index, 0: run } of row.matchAll(/1+/gu)) {
      runs.push(`M${index + QUIET} ${y + QUIET}h${run.length}v1h-${run.length}z`);
    }
  }
  return runs.join("");
}

function draw(rows, label) {
  const size = rows.length + 2 * QUIET;
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${size} ${size}`);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", label);
  picture.classList.add("qr");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", pathOf(rows));
  picture.append(path);
  return picture;
}

/** One line that can be copied, with its QR code. */
export class Line {
  #shown = "";

  /** `doors` make the code; `key` names its words `admin.secret.KEY`. */
  constructor(doors, key, { coded = true } = {}) {
    this.doors = doors;
    this.key = key;
    this.coded = coded;
    this.label = h("span");
    this.text = h("input", { type: "text", readOnly: true, class: "copied", spellcheck: "false" });
    this.text.addEventListener("focus", () => this.text.select());
    this.copy = new Press(icon("copy"), () => this.#copy());
    this.note = h("span", { class: "note", role: "status" });
    this.code = h("div", { class: "qr-place" });
    const row = h("div", { class: "copy-row" }, this.text, this.copy.element);
    const field = h("div", { class: "field" }, this.label, row);
    this.element = h("div", { class: "secret-line" }, field, this.note, this.code);
  }

  render(text) {
    setText(this.label, t(`admin.secret.${this.key}`));
    this.text.setAttribute("aria-label", t(`admin.secret.${this.key}`));
    this.copy.render(t("admin.copy"));
    if (text === this.#shown) return;
    this.#shown = text;
    this.text.value = text;
    setText(this.note, "");
    this.code.replaceChildren();
    if (text && this.coded) this.#draw(text);
  }

  async #draw(text) {
    try {
      const rows = await this.doors.qr(text);
      const label = t("admin.qr", { what: t(`admin.secret.${this.key}`) });
      if (this.#shown === text) this.code.replaceChildren(draw(rows, label));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setText(this.note, refusalWords(error.code));
    }
  }

  async #copy() {
    this.text.select();
    try {
      await navigator.clipboard.writeText(this.text.value);
      setText(this.note, t("admin.copied"));
    } catch {
      // The browser does not let us; the text is selected already.
      setText(this.note, t("admin.copy.yourself"));
    }
  }
}
