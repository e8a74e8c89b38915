// The form that makes a unit, person or endpoint below a unit.

import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { nameOf } from "../names.js";
import { Form } from "./form.js";
import { fieldsOf, levelBelow, PICTURES } from "./shapes.js";
import { Subject } from "./subject.js";

export class Maker {
  /** `parent`: the id of the unit, "" for a root. As a View. */
  constructor(desk, kind, parent) {
    this.desk = desk;
    this.kind = kind;
    this.parent = parent;
    this.key = `unit:${parent}/new-${kind}`;
    this.title = h("h2");
    this.where = h("p", { class: "soft" });
    const send = (values) => this.#make(values);
    this.form = new Form({ fields: fieldsOf(kind), send, whole: true, goKey: "admin.make" });
    const head = h("div", { class: "admin-head" }, icon(PICTURES[kind]), h("div", {}, this.title, this.where));
    this.element = h("div", { class: "admin-view" }, head, this.form.element);
    const changed = () => this.#known();
    const { link, doors } = desk;
    this.subject = parent ? new Subject({ link, doors, kind: "unit", id: parent, changed }) : null;
    this.deaf = desk.acts.listen((about) => about === this.key && this.render());
    this.render();
  }

  /** To be called when it is shown: what is typed goes into the first field. */
  focus() {
    this.form.fields[0].input.focus();
  }

  stop() {
    this.subject?.stop();
    this.deaf();
  }

  render() {
    setText(this.title, t(`admin.new.${this.kind}`));
    const unit = this.subject?.record;
    const known = unit ? t("admin.in", { unit: nameOf(unit) }) : t("tree.asking");
    setText(this.where, this.parent ? known : t("admin.root"));
    const may = this.subject?.may;
    this.form.render(this.desk.acts.of(this.key), may && !may.includes("manage") ? t("admin.why.manage") : "");
  }

  #known() {
    const level = this.form.fields.find((field) => field.name === "level");
    if (level && !level.isDirty && this.subject.record) level.set(levelBelow(this.subject.record.level));
    this.render();
  }

  async #make(values) {
    const place = this.kind === "unit" ? { parent: this.parent } : { unit: this.parent };
    const made = await this.desk.acts.make(this.key, `${this.kind}.create`, { ...values, ...place });
    if (made.made) this.desk.open(`${this.kind}:${made.made}`);
    return made;
  }
}
