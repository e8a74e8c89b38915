// The directory: the tree beside what is chosen in it. On a phone one after the other.

import { Note } from "../acts.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { openMenu } from "../menu.js";
import { nameOf } from "../names.js";
import { DRAGGED, Tree } from "../tree/tree.js";
import { endpointParts } from "./endpoint.js";
import { Press } from "./field.js";
import { Maker } from "./maker.js";
import { personParts } from "./person.js";
import { moveOf } from "./shapes.js";
import { unitParts } from "./unit.js";
import { View } from "./view.js";

const PARTS = { unit: unitParts, person: personParts, endpoint: endpointParts };
const ABOUT = "tree";

export class Directory {
  #view = null;
  #address = "";

  /** `desk` as in page.js. */
  constructor(desk) {
    this.desk = desk;
    this.tree = new Tree({
      link: desk.link, search: desk.search, pick: (row) => desk.open(row.key),
      menu: (row, anchor, point) => this.#menu(row, anchor, point),
    });
    this.back = new Press(icon("tree"), () => desk.open(""));
    this.back.element.classList.add("admin-back");
    this.root = new Press(icon("add"), () => desk.open("new-unit"));
    this.note = new Note();
    this.empty = h("p", { class: ["soft", "admin-empty"] });
    this.place = h("div", { class: "admin-place" }, this.back.element, this.empty);
    const foot = h("div", { class: "admin-foot" }, this.note.element, this.root.element);
    const left = h("div", { class: "admin-tree" }, this.tree.element, foot);
    this.element = h("div", { class: "admin-directory" }, left, this.place);
    desk.acts.listen((about) => about === ABOUT && this.note.render(desk.acts.of(ABOUT)));
    this.#takeDrops();
  }

  /** Show what an address says: `kind:id`, `new-kind` and the unit it shall belong to, or nothing. */
  enter([what = "", unit = ""]) {
    this.tree.start();
    const address = `${what}/${unit}`;
    if (address !== this.#address) this.#show(address, what, unit);
    this.render();
  }

  leave() {
    this.tree.stop();
    this.#show("", "", "");
  }

  render() {
    this.tree.render();
    this.element.dataset.chosen = String(this.#view !== null);
    setText(this.empty, t("admin.choose.first"));
    this.empty.hidden = this.#view !== null;
    this.back.render(t("admin.back"));
    const may = this.desk.rights.link.rights.includes("manage");
    this.root.render(t("admin.new.root"), may ? "" : t("admin.why.node"));
    this.note.render(this.desk.acts.of(ABOUT));
    this.#view?.render();
  }

  /** More names are known. */
  named() {
    this.#view?.render();
  }

  #show(address, what, unit) {
    this.#address = address;
    this.#view?.stop();
    this.#view?.element.remove();
    const [kind, id = ""] = what.split(":");
    if (kind in PARTS && id) this.#view = new View(this.desk, kind, id, PARTS[kind]);
    else if (what.startsWith("new-") && what.slice(4) in PARTS) this.#view = new Maker(this.desk, what.slice(4), unit);
    else this.#view = null;
    this.tree.mark(kind in PARTS ? what : unit && `unit:${unit}`);
    if (!this.#view) return;
    this.place.append(this.#view.element);
    this.#view.focus?.();
  }

  #menu(row, anchor, point) {
    const { record, kind, id } = row;
    const unit = kind === "unit" ? record : this.desk.link.store.find("unit", record.unit);
    const reason = unit && !(unit.may ?? []).includes("manage") ? t("admin.why.manage") : "";
    const items = [{ label: t("admin.show"), icon: "enlarge", act: () => this.desk.open(row.key) }];
    if (kind === "unit") {
      for (const made of ["unit", "person", "endpoint"]) {
        const act = () => this.desk.open(`new-${made}`, id);
        items.push({ label: t(`admin.new.${made}`), icon: "add", reason, act });
      }
    }
    items.push({ label: t("admin.move"), icon: "move", reason, act: () => this.#moveByDialog(row) });
    items.push({ label: t("admin.remove"), icon: "trash", danger: true, reason, act: () => this.#remove(row) });
    openMenu(anchor, items, { title: nameOf(record), point });
  }

  async #moveByDialog({ kind, id }) {
    const to = await this.desk.choose.ask("admin.move.where", ["unit"]);
    if (to) await this.desk.acts.run(ABOUT, ...moveOf(kind, id, to.id));
  }

  async #remove({ kind, id, record }) {
    if (!(await this.desk.question.ask(`drop-${kind}`, { name: nameOf(record) }))) return;
    await this.desk.acts.run(ABOUT, `${kind}.remove`, { [kind]: id });
  }

  /** What is dragged onto a unit of the tree moves there. */
  #takeDrops() {
    const { element } = this.tree;
    const unitAt = (event) => event.target.closest?.(".tree-row[data-kind=unit]") ?? null;
    let over = null;
    const mark = (row) => {
      over?.classList.remove("over");
      over = row;
      over?.classList.add("over");
    };
    element.addEventListener("dragover", (event) => {
      const row = event.dataTransfer.types.includes(DRAGGED) ? unitAt(event) : null;
      mark(row);
      if (!row) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "move";
    });
    element.addEventListener("dragleave", () => mark(null));
    element.addEventListener("drop", (event) => {
      const row = unitAt(event);
      mark(null);
      if (!row) return;
      event.preventDefault();
      const [, unit] = row.id.split("unit:");
      this.#drop(JSON.parse(event.dataTransfer.getData(DRAGGED) || "null"), unit);
    });
  }

  async #drop(dragged, unit) {
    if (!dragged || dragged.id === unit) return;
    const to = this.desk.link.store.find("unit", unit);
    const values = { name: dragged.name, unit: to ? nameOf(to) : "" };
    // A hand slips: what is below comes along, and rights with it.
    if (!(await this.desk.question.ask("move", values))) return;
    await this.desk.acts.run(ABOUT, ...moveOf(dragged.kind, dragged.id, unit));
  }
}
