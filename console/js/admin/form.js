// A form over one record: what was changed is sent and nothing else, so that two people do not undo each other's work.

import { Note } from "../acts.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Press } from "./field.js";

export class Form {
  /** `send(values)` with the changed fields, all of them when `whole`; gives {refusal}. */
  constructor({ fields, send, whole = false, goKey = "admin.save" }) {
    this.fields = fields;
    this.send = send;
    this.whole = whole;
    this.goKey = goKey;
    this.reason = "";
    this.note = new Note();
    this.go = h("button", { class: ["button", "main"] });
    this.undo = new Press("", () => this.#undo());
    const row = h("div", { class: "row" }, this.note.element, this.undo.element, this.go);
    this.element = h("form", { class: "admin-form" }, fields.map((field) => field.element), row);
    this.element.noValidate = true;
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.element.addEventListener("input", () => this.renderRow());
  }

  get isDirty() {
    return this.fields.some((field) => field.isDirty);
  }

  take(record) {
    this.record = record;
    for (const field of this.fields) field.take(record[field.name]);
  }

  render(said, reason) {
    this.said = said;
    this.reason = reason;
    for (const field of this.fields) field.render(reason);
    this.renderRow();
  }

  renderRow() {
    const busy = this.said?.state === "sent";
    setText(this.go, t(this.goKey));
    const why = this.reason || (this.whole || this.isDirty ? "" : t("admin.nothing"));
    this.go.title = why;
    this.go.setAttribute("aria-disabled", String(Boolean(why) || busy));
    this.go.setAttribute("aria-busy", String(busy));
    this.undo.render(t("admin.undo"));
    this.undo.element.hidden = this.whole || !this.isDirty;
    this.note.render(this.said);
  }

  #undo() {
    for (const field of this.fields) field.set(this.record[field.name]);
    this.render(this.said, this.reason);
  }

  async #submit() {
    if (this.go.getAttribute("aria-disabled") === "true") return;
    const sent = this.fields.filter((field) => this.whole || field.isDirty);
    const values = Object.fromEntries(sent.map((field) => [field.name, field.value]));
    if ("order" in values) values.order = Number.parseInt(values.order, 10) || 0;
    const { refusal } = await this.send(values);
    if (refusal) this.fields.find((field) => field.name === refusal.field)?.blame();
    else for (const field of sent) field.set(field.value);
    this.renderRow();
  }
}
