// A field of a form that somebody else may change meanwhile: what was typed stays, and what they made of it is told.

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";

export class Field {
  #base = "";

  /**
   * `name`: of the record's field, and of its words `admin.field.NAME`; `choices`: keys of a select's options, whose
   * words are `PREFIX.KEY`. Other properties are the input's.
   */
  constructor(name, { choices = null, prefix = "", hint = "", changed = () => {}, ...props } = {}) {
    this.name = name;
    this.hintKey = hint;
    this.prefix = prefix;
    this.label = h("span");
    this.hint = h("small", { class: ["soft", "hint"] });
    this.input = choices ? this.#select(choices) : h("input", { type: "text", autocomplete: "off", ...props });
    this.input.name = name;
    this.#base = this.input.value;
    this.element = h("label", { class: "field" }, this.label, this.input, this.hint);
    this.input.addEventListener("input", () => {
      this.input.removeAttribute("aria-invalid");
      changed();
    });
  }

  get value() {
    return this.input.value.trim();
  }

  get isDirty() {
    return this.value !== this.#base;
  }

  /** Take what the record says now. */
  take(value) {
    const text = String(value ?? "");
    if (!this.isDirty) this.input.value = text;
    this.#base = text;
  }

  /** Begin anew with a value. */
  set(value) {
    this.#base = String(value ?? "");
    this.input.value = this.#base;
    this.input.removeAttribute("aria-invalid");
  }

  /** `reason`: why it cannot be changed, or "". */
  render(reason = "") {
    setText(this.label, t(`admin.field.${this.name}`));
    const others = this.isDirty && this.#base ? t("admin.now", { value: this.#shown(this.#base) }) : "";
    setText(this.hint, others || (this.hintKey ? t(this.hintKey) : ""));
    this.hint.hidden = this.hint.textContent === "";
    this.input.disabled = reason !== "";
    this.input.title = reason;
    for (const option of this.input.options ?? []) setText(option, t(`${this.prefix}.${option.value}`));
  }

  blame() {
    this.input.setAttribute("aria-invalid", "true");
    this.input.focus();
  }

  #shown(value) {
    return this.prefix ? t(`${this.prefix}.${value}`) : value;
  }

  #select(choices) {
    return h("select", {}, choices.map((value) => h("option", { value })));
  }
}

/** A button with a picture and words, which says why when it cannot be pressed. */
export class Press {
  constructor(picture, act, looks = []) {
    this.words = h("span");
    this.reason = "";
    this.element = h("button", { class: ["button", ...looks], type: "button" }, picture, this.words);
    this.element.addEventListener("click", () => !this.reason && act());
  }

  render(words, reason = "") {
    setText(this.words, words);
    this.reason = reason;
    this.element.title = reason;
    if (reason) this.element.setAttribute("aria-disabled", "true");
    else this.element.removeAttribute("aria-disabled");
  }
}
