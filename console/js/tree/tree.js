// The tree of units, people and endpoints, opened level by level; only the rows in view are drawn.

import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { orderOf } from "./order.js";
import { keyStep, rowsFound, rowsOf, unitsUp, windowOf } from "./rows.js";
import { TreeRow } from "./row.js";
import { SearchBox } from "./search.js";

/** As in tree.css; on a phone rows are taller, for fingers. */
const TALL = { row: 32, found: 48 };
const TALL_TOUCH = { row: 44, found: 56 };
const TOUCH = matchMedia("(max-width: 720px)");
/** What is dragged out of the tree: {kind, id, name}. */
export const DRAGGED = "application/x-huishang";

let made = 0;

export class Tree {
  #opened = new Set();
  #follows = new Map();
  #rows = [];
  #told = false;
  #again = () => this.#soon();
  #current = "";
  #drawn = false;
  #sought = "";

  /**
   * `link`, `search(words)` and `unitOf(id)`, which gives a unit's record or null; `menu(row, anchor, point)` for what
   * can be done with a row. With `choose`, rows are chosen instead: {has(row), toggle(row)}. With `pick(row)`, a row is
   * gone to when it is pressed, a unit opened too.
   */
  constructor({ link, search, unitOf = () => null, menu = null, choose = null, pick = null }) {
    this.link = link;
    this.unitOf = unitOf;
    this.menu = menu;
    this.choose = choose;
    this.pick = pick;
    this.name = `tree-${++made}`;
    this.search = new SearchBox(search, () => this.render(), ({ kind, id }) => this.#take(`${kind}:${id}`));
    this.canvas = h("div", { class: "tree-rows" });
    this.empty = h("p", { class: ["soft", "tree-empty"] });
    this.scroller = h("div", { class: "tree-scroll", role: "tree", tabIndex: 0 }, this.canvas);
    if (choose) this.scroller.setAttribute("aria-multiselectable", "true");
    this.element = h("div", { class: "tree" }, this.search.element, this.empty, this.scroller);
    const acts = {
      press: (row, element) => this.#press(row, element),
      open: (row) => (row.open ? this.#close(row) : this.#open(row)),
      menu: (row, anchor, point) => this.#openMenu(row, anchor, point),
      drag: (row, event) => this.#drag(row, event),
    };
    const marks = choose ? (row) => choose.has(row) : null;
    const make = ({ row }) => new TreeRow(row, `${this.name}-${row.key}`, acts, marks);
    this.list = new List(this.canvas, make, ({ row }) => row.key);
    this.scroller.addEventListener("scroll", () => this.#draw());
    this.scroller.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#draw()).observe(this.scroller);
    TOUCH.addEventListener("change", () => this.#draw());
  }

  /** Begin to know the tree: its top level, and what was open when it was stopped. */
  start() {
    for (const id of ["root", ...this.#opened]) this.#follow(id);
  }

  /** Mark the row of a thing (`kind:id`) as the one that is worked on. */
  mark(key) {
    this.#current = key;
    this.#draw();
  }

  stop() {
    for (const id of [...this.#follows.keys()]) this.#unfollow(id);
  }

  /** Mark and show a unit's line. */
  focus() {
    this.search.input.focus();
  }

  render() {
    const found = this.search.results;
    const known = (kind, id) => this.link.store.find(kind, id);
    this.#rows = found ? rowsFound(found, known) : this.#levels();
    this.search.render();
    this.scroller.setAttribute("aria-label", t("tree.label"));
    const { known: knowsTop, units } = this.#level("root");
    const asking = found ? this.search.isAsking : !knowsTop || units.length > 0;
    this.empty.hidden = this.#rows.length > 0 || this.search.hasFailed;
    setText(this.empty, t(asking ? "tree.asking" : found ? "tree.nothing" : "tree.none"));
    this.#openOnly();
    const at = found ? -1 : this.#rows.findIndex((row) => row.key === this.#sought);
    if (at < 0) {
      this.#draw();
      return;
    }
    this.#sought = "";
    this.#go(at);
  }

  /** With one root there is nothing to choose: it is open from the start. */
  #openOnly() {
    if (this.#drawn || this.search.results || this.#rows.length === 0) return;
    this.#drawn = true;
    const units = this.#rows.filter((row) => row.kind === "unit");
    if (units.length === 1 && units[0].open === false) this.#open(units[0]);
  }

  #levels() {
    return rowsOf((id) => this.#level(id), this.#opened, orderOf(this.link.store), this.#again);
  }

  #level(id) {
    const { store } = this.link;
    const topic = `unit:${id}`;
    const of = (kind) => [...store.of(topic, kind).values()];
    const units = of("unit").filter((unit) => (id === "root" ? true : unit.id !== id));
    return { known: store.knows(topic), units, people: of("person"), endpoints: of("endpoint") };
  }

  #follow(id) {
    if (this.#follows.has(id)) return;
    this.#follows.set(id, this.link.follow(`unit:${id}`, this.#again));
  }

  /** Several levels may be told of at once, and 10,000 rows take their time: draw once for all. */
  #soon() {
    if (this.#told) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      this.render();
    });
  }

  #unfollow(id) {
    this.#follows.get(id)?.();
    this.#follows.delete(id);
    // Another tree may show it still.
    const { store } = this.link;
    if (!store.knows(`unit:${id}`)) orderOf(store).drop(id);
  }

  #open(row) {
    this.#opened.add(row.id);
    this.#follow(row.id);
    this.render();
  }

  #close(row) {
    this.#opened.delete(row.id);
    this.#unfollow(row.id);
    this.render();
  }

  /** Leave what was found and show one of it where it stands: the units above it are opened. */
  async #show({ key, record }) {
    this.#current = this.#sought = key;
    this.search.clear();
    this.scroller.focus();
    const recordOf = (id) => this.link.store.find("unit", id) ?? this.unitOf(id);
    for (const id of await unitsUp(record.unit, recordOf)) {
      this.#opened.add(id);
      this.#follow(id);
    }
    this.render();
  }

  #take(key) {
    const row = this.#rows.find((one) => one.key === key);
    if (row) this.#press(row, this.list.row(key)?.element);
  }

  #press(row, element) {
    this.#current = row.key;
    this.#sought = "";
    if (this.choose && row.kind !== "asking" && !row.record.disabled) {
      this.choose.toggle(row);
      this.#draw();
    } else if (this.pick && row.kind !== "asking") {
      if (row.open === false) this.#open(row);
      this.#draw();
      this.pick(row);
    } else if (row.isFound) this.#show(row);
    else if (row.open === false) this.#open(row);
    else if (row.open) this.#close(row);
    else if (row.kind !== "asking") {
      this.#draw();
      this.#openMenu(row, element);
    }
  }

  #openMenu(row, anchor, point = null) {
    this.#current = row.key;
    this.#draw();
    this.menu?.(row, anchor, point);
  }

  #drag(row, event) {
    if (row.kind === "asking") return;
    const { kind, id, record } = row;
    event.dataTransfer.setData(DRAGGED, JSON.stringify({ kind, id, name: record.name_zh ?? record.name }));
    event.dataTransfer.effectAllowed = "copyMove";
  }

  #key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.target !== this.scroller) return;
    const at = this.#rows.findIndex((row) => row.key === this.#current);
    const row = this.#rows[at];
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / this.#tall) - 1);
    const step = keyStep(this.#rows, at, event.key, page);
    if (step) {
      if (step.to !== undefined) this.#go(step.to);
      if (step.open) this.#open(step.open);
      if (step.close) this.#close(step.close);
    } else if (row && (event.key === "Enter" || event.key === " ")) {
      const element = this.list.row(row.key)?.element;
      if (this.choose || this.pick || row.isFound || !element) this.#press(row, element);
      else this.#openMenu(row, this.scroller, element.getBoundingClientRect());
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  get #tall() {
    const { row, found } = TOUCH.matches ? TALL_TOUCH : TALL;
    return this.search.results ? found : row;
  }

  #go(index) {
    this.#current = this.#rows[index].key;
    const top = index * this.#tall;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top + this.#tall > scrollTop + clientHeight) this.scroller.scrollTop = top + this.#tall - clientHeight;
    this.#draw();
  }

  #draw() {
    const tall = this.#tall;
    const { scrollTop, clientHeight } = this.scroller;
    const { first, last } = windowOf(scrollTop, clientHeight, tall, this.#rows.length);
    this.canvas.style.height = `${this.#rows.length * tall}px`;
    const shown = this.#rows.slice(first, last).map((row, index) => {
      return { row, top: (first + index) * tall, isCurrent: row.key === this.#current };
    });
    this.list.show(shown);
    const current = this.list.row(this.#current);
    if (current) this.scroller.setAttribute("aria-activedescendant", current.element.id);
    else this.scroller.removeAttribute("aria-activedescendant");
  }
}
