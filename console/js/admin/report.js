// What an import would do and what of it cannot be: two tables, which grow by pages.

import { h, icon, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { refusalWords } from "../said.js";
import { Press } from "./field.js";

const PAGE = 200;
const TOLD = ["level", "kind", "title", "login", "code", "gb_id", "name_en"];

class Table {
  #rows = [];
  #shown = PAGE;
  #key = "";

  constructor(columns) {
    this.columns = columns;
    this.title = h("h3");
    this.heads = columns.map(() => h("th", { scope: "col" }));
    this.body = h("tbody");
    const table = h("table", {}, h("thead", {}, h("tr", {}, this.heads)), this.body);
    this.more = new Press(icon("add"), () => {
      this.#shown += PAGE;
      this.#fill();
    });
    const place = h("div", { class: "table-place" }, table);
    this.element = h("section", { class: "report" }, this.title, place, this.more.element);
  }

  show(rows, titleWords, key) {
    this.element.hidden = rows.length === 0;
    setText(this.title, titleWords);
    this.heads.forEach((head, index) => setText(head, t(`report.${this.columns[index]}`)));
    this.more.render(t("audit.more"));
    if (rows === this.#rows && key === this.#key) return;
    if (rows !== this.#rows) this.#shown = PAGE;
    this.#rows = rows;
    this.#key = key;
    this.#fill();
  }

  #fill() {
    const rows = this.#rows.slice(0, this.#shown);
    this.body.replaceChildren(...rows.map((row) => h("tr", {}, this.cells(row).map((words) => h("td", {}, words)))));
    this.more.element.hidden = this.#rows.length <= this.#shown;
  }
}

/** What would be done: {name, values} each, as the acts that they are. */
export class PlannedTable extends Table {
  #turns = 0;

  constructor(names) {
    super(["what", "kind", "name", "values"]);
    this.names = names;
    names.listen(() => {
      this.#turns += 1;
    });
  }

  render(steps, total) {
    this.names.want(steps.flatMap((step) => this.#targets(step)));
    this.show(steps, t("report.planned", { n: total, shown: steps.length }), `${t("audit.and")}${this.#turns}`);
  }

  cells({ name, values }) {
    const [kind, what] = name.split(".");
    const called = values.name_zh ?? values.name ?? this.names.of(`${kind}:${values[kind]}`);
    const told = TOLD.filter((field) => values[field]).map((field) => this.#words(field, values[field]));
    return [t(`report.do.${what}`), t(`admin.kind.${kind}`), called, told.join(" · ")];
  }

  #words(field, value) {
    if (field === "level") return t(`tag.${value}`);
    return field === "kind" ? t(`kind.${value}`) : value;
  }

  #targets({ name, values }) {
    const [kind] = name.split(".");
    return values[kind] && !values.name && !values.name_zh ? [`${kind}:${values[kind]}`] : [];
  }
}

/** Rows that were refused, or are strange: {file, row, kind, column, code, value}. */
export class RemarkTable extends Table {
  constructor(key) {
    super(["file", "row", "kind", "column", "value", "reason"]);
    this.key = key;
  }

  render(remarks, total) {
    this.show(remarks, t(`report.${this.key}`, { n: total }), t("audit.and"));
  }

  cells({ file, row, kind, column, code, value }) {
    const field = column && has(`admin.field.${column}`) ? t(`admin.field.${column}`) : column;
    const told = [row ? String(row) : "", kind && t(`admin.kind.${kind}`), field, value];
    return [file, ...told.map((words) => words || "–"), remarkWords(code)];
  }
}

/** Why a row was refused, in words. */
export function remarkWords(code) {
  return has(`remark.${code}`) ? t(`remark.${code}`) : refusalWords(code);
}
