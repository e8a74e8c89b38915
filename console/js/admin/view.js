// One unit, person or endpoint beside the tree: who it is, its form, and what can be done with it.

import { Note } from "../acts.js";
import { h, icon, setIcon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { nameOf } from "../names.js";
import { refusalWords } from "../said.js";
import { Press } from "./field.js";
import { Form } from "./form.js";
import { fieldsOf, moveOf, PICTURES } from "./shapes.js";
import { Subject } from "./subject.js";

export class View {
  /** `desk`: {link, doors, acts, question, choose, open(address)}. What is more of a kind is in `parts(view)`. */
  constructor(desk, kind, id, parts) {
    this.desk = desk;
    this.kind = kind;
    this.id = id;
    this.key = `${kind}:${id}`;
    const { link, doors } = desk;
    this.subject = new Subject({ link, doors, kind, id, changed: () => this.render() });
    this.picture = icon(PICTURES[kind]);
    this.title = h("h2");
    this.where = h("p", { class: "soft" });
    this.note = new Note();
    this.trouble = h("p", { class: "none", role: "status" });
    this.form = new Form({ fields: fieldsOf(kind), send: (values) => this.act(`${kind}.change`, values, "form") });
    this.move = new Press(icon("move"), () => this.#move());
    this.remove = new Press(icon("trash"), () => this.#remove(), ["danger"]);
    this.able = kind === "unit" ? null : new Press(icon("lock"), () => this.#turn());
    this.parts = parts(this);
    const head = h("div", { class: "admin-head" }, this.picture, h("div", {}, this.title, this.where));
    const acts = [this.parts.acts ?? [], this.able?.element ?? [], this.move.element, this.remove.element];
    this.acts = h("div", { class: "admin-acts" }, acts.flat());
    const sections = (this.parts.sections ?? []).map((section) => section.element);
    this.body = h("div", {}, this.form.element, sections, this.acts, this.note.element);
    this.element = h("div", { class: "admin-view" }, head, this.trouble, this.body);
    this.deaf = desk.acts.listen((about) => about.startsWith(this.key) && this.render());
    this.render();
  }

  get record() {
    return this.subject.record;
  }

  get name() {
    return this.record ? nameOf(this.record) : "";
  }

  /** Why I may not do what needs `right` here, "" when I may. */
  reason(right) {
    if (this.desk.link.state !== "up") return t("refusal.not-connected");
    const { may } = this.subject;
    return may && !may.includes(right) ? t(`admin.why.${right}`) : "";
  }

  /** Do an act on it, said at `place`; gives {made, refusal}. */
  act(name, params = {}, place = "") {
    return this.desk.acts.make(this.#about(place), name, { [this.kind]: this.id, ...params });
  }

  said(place = "") {
    return this.desk.acts.of(this.#about(place));
  }

  #about(place) {
    return place ? `${this.key}/${place}` : this.key;
  }

  stop() {
    this.subject.stop();
    this.deaf();
    for (const section of this.parts.sections ?? []) section.stop?.();
  }

  render() {
    const { subject, record } = this;
    const here = subject.state === "here";
    this.body.hidden = !here;
    this.trouble.hidden = here;
    if (!here) {
      setText(this.title, this.name || t(`admin.kind.${this.kind}`));
      const words = { asking: () => t("tree.asking"), gone: () => t("admin.gone") };
      setText(this.trouble, (words[subject.state] ?? (() => refusalWords(subject.code)))());
      setText(this.where, "");
      return;
    }
    setText(this.title, this.name);
    const where = this.kind === "unit" ? t(`tag.${record.level}`) : nameOf(subject.unit);
    const facts = [t(`admin.kind.${this.kind}`), where, record.disabled ? t("presence.disabled") : ""];
    setText(this.where, facts.filter(Boolean).join(" · "));
    setIcon(this.picture, PICTURES[this.kind]);
    const manage = this.reason("manage");
    this.form.take(record);
    this.form.render(this.said("form"), manage);
    this.move.render(t("admin.move"), manage);
    this.remove.render(t("admin.remove"), manage);
    this.able?.render(t(record.disabled ? "admin.enable" : "admin.disable"), manage);
    this.note.render(this.said());
    this.parts.render(this);
  }

  async #move() {
    const to = await this.desk.choose.ask("admin.move.where", ["unit"]);
    if (!to) return;
    const [name, params] = moveOf(this.kind, this.id, to.id);
    this.desk.acts.run(this.key, name, params);
  }

  async #turn() {
    const { record, name, kind } = this;
    if (!record.disabled && !(await this.desk.question.ask(`disable-${kind}`, { name }))) return;
    await this.act(record.disabled ? `${kind}.enable` : `${kind}.disable`);
  }

  async #remove() {
    const { name } = this;
    if (!(await this.desk.question.ask(`drop-${this.kind}`, { name }))) return;
    await this.act(`${this.kind}.remove`);
  }
}
