// One row of the tree: a unit, a person or an endpoint, with its presence.

import { h, icon, setIcon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { nameOf, unitNameOf } from "../names.js";

const KIND_ICONS = {
  browser: "screen", room: "room", drone: "drone", "body-camera": "body", "ip-camera": "camera", vehicle: "vehicle",
  phone: "phone", radio: "radio",
};
/** Of a row by its record: {lamp, key of words}, null where it is not known. Pure. */
export function presenceOf({ kind, record }) {
  if (record.disabled) return { lamp: "off", key: "presence.disabled" };
  if (kind === "person") {
    if (record.online === undefined) return null;
    return record.online ? { lamp: "on", key: "presence.online" } : { lamp: "off", key: "presence.offline" };
  }
  if (record.state === undefined) return null;
  return { lamp: record.state === "live" ? "on" : "off", key: `source.${record.state || "offline"}` };
}

export class TreeRow {
  /** `acts`: {press(row), open(row), menu(row, anchor), drag(row)}; `marks`: null, or tells whether a row is chosen. */
  constructor(row, id, acts, marks) {
    this.row = row;
    this.acts = acts;
    this.marks = marks;
    this.arrow = icon("arrow");
    this.arrow.classList.add("arrow");
    this.arrow.addEventListener("click", (event) => {
      event.stopPropagation();
      acts.open(this.row);
    });
    this.check = marks ? h("span", { class: "check" }, icon("check")) : null;
    this.lamp = h("span", { class: "lamp" });
    this.picture = icon("person");
    this.tag = h("span", { class: "tag" });
    this.name = h("span", { class: "name" });
    this.more = h("span", { class: ["more-words", "soft", "small", "numbers"] });
    this.menu = marks ? null : h("button", { class: ["button", "bare", "menu-button"], type: "button", tabIndex: -1 });
    this.menu?.append(icon("more"));
    this.menu?.addEventListener("click", (event) => {
      event.stopPropagation();
      acts.menu(this.row, this.menu);
    });
    const parts = [this.arrow, this.check, this.lamp, this.picture, this.tag, this.name, this.more, this.menu];
    this.element = h("div", { class: "tree-row", role: "treeitem", id, draggable: !marks }, parts.filter(Boolean));
    this.element.addEventListener("click", () => acts.press(this.row, this.element));
    this.element.addEventListener("contextmenu", (event) => {
      if (marks || this.row.kind === "asking") return;
      event.preventDefault();
      acts.menu(this.row, this.element, { left: event.clientX, right: event.clientX + 1, top: event.clientY,
        bottom: event.clientY });
    });
    this.element.addEventListener("dragstart", (event) => acts.drag?.(this.row, event));
  }

  render({ row, top, isCurrent }) {
    this.row = row;
    const { element } = this;
    element.dataset.kind = row.kind;
    element.style.top = `${top}px`;
    element.style.setProperty("--depth", String(row.depth));
    element.classList.toggle("current", isCurrent);
    element.classList.toggle("found", Boolean(row.isFound));
    element.setAttribute("aria-level", String(row.depth + 1));
    element.setAttribute("aria-posinset", String(row.place));
    element.setAttribute("aria-setsize", String(row.size));
    if (row.open === null) element.removeAttribute("aria-expanded");
    else element.setAttribute("aria-expanded", String(row.open));
    element.setAttribute("aria-selected", String(isCurrent));
    if (row.kind === "asking") this.#renderAsking();
    else this.#renderThing(row);
    if (this.check) element.setAttribute("aria-checked", String(this.marks(row)));
  }

  #renderAsking() {
    setText(this.name, t("tree.asking"));
    setText(this.more, "");
    this.lamp.hidden = this.tag.hidden = true;
    if (this.menu) this.menu.hidden = true;
  }

  #renderThing(row) {
    const { kind, record } = row;
    const name = nameOf(record);
    setText(this.name, name);
    if (this.menu) setLabel(this.menu, t("tree.menu", { name }));
    this.tag.hidden = kind !== "unit";
    const picture = kind === "person" ? kind : (KIND_ICONS[record.kind] ?? "camera");
    // A unit has its tag instead.
    if (kind !== "unit") setIcon(this.picture, picture);
    if (kind === "unit") {
      this.lamp.hidden = true;
      this.tag.dataset.level = record.level;
      setText(this.tag, t(`tag.${record.level}`));
      const beside = row.isFound ? unitNameOf(record) : "";
      setText(this.more, beside || (record.people ? `${record.present ?? 0}/${record.people}` : ""));
      this.more.title = beside || t("tree.present", { present: record.present ?? 0, people: record.people ?? 0 });
      this.element.title = name;
      return;
    }
    const presence = presenceOf(row);
    this.lamp.hidden = presence === null;
    this.lamp.dataset.lamp = presence?.lamp ?? "";
    const beside = kind === "person" ? record.title : t(`kind.${record.kind}`);
    setText(this.more, [beside, row.isFound ? unitNameOf(record) : ""].filter(Boolean).join(" · "));
    this.element.title = [name, beside, presence ? t(presence.key) : ""].filter(Boolean).join(" · ");
    this.element.setAttribute("aria-label", this.element.title);
  }
}
