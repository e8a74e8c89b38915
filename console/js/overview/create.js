// The dialog that makes a consultation: what about, whose, when, who comes in how, and whom to invite.

import { Acts, Note } from "../acts.js";
import { Dialog } from "../dialog.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { nameOf } from "../names.js";
import { Tree } from "../tree/tree.js";

const ABOUT = "create";
const ZONE = "+08:00";
const MINUTE_MS = 60000;

/** Microseconds UTC of a `datetime-local` value, which people here mean in UTC+8; 0 when it says nothing. Pure. */
export function beginsUs(value) {
  const ms = value ? Date.parse(`${value}${ZONE}`) : NaN;
  return Number.isNaN(ms) ? 0 : ms * 1000;
}

/** The `datetime-local` value of a moment, in UTC+8, rounded up to five minutes. Pure. */
export function localValue(ms) {
  const step = 5 * MINUTE_MS;
  return new Date(Math.ceil(ms / step) * step + 8 * 60 * MINUTE_MS).toISOString().slice(0, 16);
}

export class CreateDialog extends Dialog {
  #chosen = new Map();
  #unit = "";
  #told = null;

  /** `desk`: {link, search, now(), units() that I may hold it for, me(), made(id, isNow)}. */
  constructor(desk) {
    super("create.title", { closed: () => this.tree.stop() });
    this.desk = desk;
    this.acts = new Acts(desk.link);
    this.acts.listen(() => this.render());
    this.element.classList.add("wide");
    this.#build();
  }

  /** Ask; `unit` holds it (mine, when ""), `invited` are {kind, id, name} chosen already. */
  ask({ unit = "", invited = [] } = {}) {
    this.#unit = unit || this.desk.me().unit;
    this.#chosen = new Map(invited.map((one) => [`${one.kind}:${one.id}`, one]));
    const [only] = invited;
    const isCall = invited.length === 1 && only.kind === "person";
    this.title_.input.value = isCall ? t("create.with", { name: only.name }) : "";
    this.when[0].checked = this.admission[0].checked = true;
    this.at.value = localValue(this.desk.now() + 30 * MINUTE_MS);
    this.tree.start();
    this.open(this.title_.input);
  }

  render() {
    if (!this.title_) return;
    super.render();
    setText(this.title_.label, t("create.what"));
    this.title_.input.placeholder = t("create.what.example");
    setText(this.unit.label, t("create.unit"));
    this.#renderUnits();
    setText(this.whenLabel, t("create.when"));
    setText(this.admissionLabel, t("create.admission"));
    const options = ["create.now", "create.later", "create.auto", "create.askMe"];
    [...this.when, ...this.admission].forEach((input, index) => setText(input.nextElementSibling, t(options[index])));
    this.at.disabled = !this.when[1].checked;
    this.at.setAttribute("aria-label", t("create.at"));
    setText(this.inviteLabel, t("create.invite", { n: this.#chosen.size }));
    this.chips.show([...this.#chosen.values()]);
    this.tree.render();
    const said = this.acts.of(ABOUT);
    this.note.render(said);
    setText(this.go, t(this.when[1].checked ? "create.go.later" : "create.go.now"));
    this.go.disabled = said?.state === "sent";
    setText(this.cancel, t("dialog.cancel"));
  }

  #renderUnits() {
    const { select } = this.unit;
    const units = this.desk.units();
    const before = select.value;
    const told = units.map((unit) => `${unit.id} ${nameOf(unit)} ${unit.level}`).join("\n");
    // A list that is made anew closes under the hand of whoever has it open.
    if (told !== this.#told) {
      this.#told = told;
      const options = units.map((unit) => {
        const option = h("option", {}, `${nameOf(unit)} · ${t(`tag.${unit.level}`)}`);
        option.value = unit.id;
        return option;
      });
      select.replaceChildren(...options);
    }
    const among = (id) => units.some((unit) => unit.id === id);
    select.value = [this.#unit, before].find(among) ?? units[0]?.id ?? "";
  }

  #toggle(row) {
    const key = `${row.kind}:${row.id}`;
    if (!this.#chosen.delete(key)) this.#chosen.set(key, { kind: row.kind, id: row.id, name: nameOf(row.record) });
    this.render();
  }

  async #create() {
    const later = this.when[1].checked;
    const { made, refusal } = await this.acts.make(ABOUT, "consultation.create", {
      title: this.title_.input.value,
      unit: this.unit.select.value,
      begins_us: later ? beginsUs(this.at.value) : 0,
      admission: this.admission[1].checked ? "ask" : "auto",
      invite: [...this.#chosen.keys()],
    });
    if (refusal) {
      if (refusal.field === "title") this.title_.input.focus();
      return;
    }
    this.close();
    this.desk.made(made, !later);
  }

  #build() {
    const field = (control) => {
      const label = h("span");
      return { label, field: h("label", { class: "field" }, label, control) };
    };
    const input = h("input", { type: "text", maxLength: 64, required: true, autocomplete: "off" });
    const pick = () => {
      this.#unit = "";
    };
    const select = h("select", { required: true, on: { change: pick } });
    this.title_ = { input, ...field(input) };
    this.unit = { select, ...field(select) };
    this.at = h("input", { type: "datetime-local", step: "300" });
    const radios = (name) => [0, 1].map((value) => {
      const made = h("input", { type: "radio", name, on: { change: () => this.render() } });
      made.value = String(value);
      return made;
    });
    this.when = radios("when");
    this.admission = radios("admission");
    const group = (label, inputs, extra) => {
      const all = inputs.map((one) => h("label", { class: "radio" }, one, h("span")));
      return h("fieldset", {}, h("legend", {}, label), all, extra);
    };
    [this.whenLabel, this.admissionLabel, this.inviteLabel] = [h("span"), h("span"), h("span")];
    const choose = { has: (row) => this.#chosen.has(`${row.kind}:${row.id}`), toggle: (row) => this.#toggle(row) };
    this.tree = new Tree({ link: this.desk.link, search: this.desk.search, unitOf: this.desk.unitOf, choose });
    const chips = h("ul", { class: "chips" });
    this.chips = new List(chips, (one) => this.#chip(one), (one) => `${one.kind}:${one.id}`);
    this.note = new Note();
    this.go = h("button", { class: ["button", "main"] });
    this.cancel = h("button", { class: "button", type: "button", on: { click: () => this.close() } });
    const times = [group(this.whenLabel, this.when, this.at), group(this.admissionLabel, this.admission)];
    const left = h("div", {}, this.title_.field, this.unit.field, times);
    const right = h("div", { class: "create-invite" }, h("div", { class: "legend" }, this.inviteLabel), chips);
    right.append(this.tree.element);
    const row = h("div", { class: "row" }, this.note.element, this.cancel, this.go);
    const form = h("form", { method: "dialog", class: "create" }, left, right, row);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#create();
    });
    this.body.append(form);
  }

  #chip(one) {
    const words = h("span");
    const drop = () => {
      this.#chosen.delete(`${one.kind}:${one.id}`);
      this.render();
    };
    const made = h("button", { class: "chip", type: "button", on: { click: drop } }, words, icon("close"));
    return {
      element: h("li", {}, made),
      render: () => {
        setText(words, one.name);
        made.title = t("create.chip", { name: one.name });
        made.setAttribute("aria-label", made.title);
      },
    };
  }
}
