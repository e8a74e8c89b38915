// Rights lent for a time: who has which, given anew and taken back.

import { ApiError } from "../api.js";
import { Note } from "../acts.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { beginsUs, localValue } from "../overview/create.js";
import { refusalWords } from "../said.js";
import { rightWords } from "./codes.js";
import { Press } from "./field.js";
import { RIGHTS } from "./shapes.js";

const PAGE = 100;
/** Others give and revoke too, and no topic tells it. */
const AGAIN_MS = 10000;
const HOUR_MS = 3600000;
const GIVE = "grant/new";

export class Grants {
  #grants = [];
  #next = "";
  #state = "asking";
  #error = null;
  #timer = 0;
  #chosen = { object: null, to: null };

  constructor(desk) {
    this.desk = desk;
    this.right = h("select", {}, RIGHTS.map((value) => h("option", { value })));
    this.right.value = "view";
    this.until = h("input", { type: "datetime-local", required: true });
    this.pickers = {
      object: this.#picker("object", ["unit", "person", "endpoint"]),
      to: this.#picker("to", ["person", "unit"]),
    };
    this.labels = Object.fromEntries(["to", "right", "object", "until"].map((name) => [name, h("span")]));
    this.title = h("h2");
    this.why = h("p", { class: "soft" });
    this.go = h("button", { class: ["button", "main"] });
    this.note = new Note();
    const group = (name, control) => h("div", { class: "field" }, this.labels[name], control);
    const row = h("div", { class: "filter-acts" }, this.note.element, this.go);
    this.form = h(
      "form", { class: "filters" }, group("to", this.pickers.to.element),
      h("label", { class: "field" }, this.labels.right, this.right), group("object", this.pickers.object.element),
      h("label", { class: "field" }, this.labels.until, this.until), row,
    );
    this.form.noValidate = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#give();
    });
    this.listTitle = h("h2");
    this.state = h("p", { class: "none", role: "status" });
    this.rows = h("ul", { class: "grant-rows" });
    this.list = new List(this.rows, (grant) => this.#row(grant));
    this.more = new Press(icon("add"), () => this.#ask(this.#next));
    this.element = h(
      "div", { class: "admin-grants" }, this.title, this.why, this.form, this.listTitle, this.state, this.rows,
      this.more.element,
    );
    desk.acts.listen((about) => about.startsWith("grant") && this.render());
  }

  enter() {
    this.until.value ||= localValue(this.desk.now() + 24 * HOUR_MS);
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.#again(), AGAIN_MS);
    this.#ask();
  }

  leave() {
    clearInterval(this.#timer);
  }

  /** More names are known. */
  named() {
    this.render();
  }

  render() {
    setText(this.title, t("admin.grants.give"));
    setText(this.why, t("admin.grants.why"));
    for (const [name, label] of Object.entries(this.labels)) setText(label, t(`admin.grants.${name}`));
    for (const option of this.right.options) setText(option, rightWords(option.value));
    for (const picker of Object.values(this.pickers)) picker.render();
    const said = this.desk.acts.of(GIVE);
    const missing = this.#chosen.to && this.#chosen.object ? "" : t("admin.grants.missing");
    setText(this.go, t("admin.grants.go"));
    this.go.title = missing;
    this.go.setAttribute("aria-disabled", String(Boolean(missing) || said?.state === "sent"));
    this.note.render(said);
    setText(this.listTitle, t("admin.grants.list", { n: this.#grants.length }));
    const words = {
      asking: () => (this.#grants.length ? "" : t("tree.asking")),
      trouble: () => refusalWords(this.#error.code),
      known: () => (this.#grants.length ? "" : t("admin.grants.none")),
    };
    setText(this.state, words[this.#state]());
    this.state.hidden = this.state.textContent === "";
    this.more.render(t("audit.more"));
    this.more.element.hidden = this.#next === "";
    this.list.show(this.#grants);
  }

  /** Look again at what is shown, unless somebody has paged on. */
  #again() {
    if (this.#grants.length <= PAGE) this.#ask();
  }

  async #ask(cursor = "") {
    this.#state = "asking";
    this.render();
    try {
      const { items, next } = await this.desk.doors.get("/grants", { cursor, limit: PAGE });
      this.#grants = cursor ? [...this.#grants, ...items] : items;
      this.#next = next;
      this.#state = "known";
      this.desk.names.want(items.flatMap((grant) => [grant.object, grant.to, `person:${grant.by}`]));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#state = "trouble";
      this.#error = error;
    }
    this.render();
  }

  async #give() {
    if (this.go.getAttribute("aria-disabled") === "true") return;
    const { object, to } = this.#chosen;
    const { refusal } = await this.desk.acts.make(GIVE, "grant.give", {
      verb: this.right.value,
      object: `${object.kind}:${object.id}`,
      to: `${to.kind}:${to.id}`,
      until_us: beginsUs(this.until.value),
    });
    if (refusal?.field === "until_us") this.until.focus();
    if (refusal) return;
    this.#chosen = { object: null, to: null };
    await this.#ask();
  }

  async #revoke(grant) {
    if (!(await this.desk.question.ask("revoke", this.#values(grant)))) return;
    if (await this.desk.acts.run(`grant:${grant.id}`, "grant.revoke", { grant: grant.id })) await this.#ask();
  }

  #values({ verb, object, to }) {
    const { names } = this.desk;
    return { right: rightWords(verb), to: names.of(to), on: names.of(object) };
  }

  #picker(name, kinds) {
    const press = new Press(icon("search"), async () => {
      const found = await this.desk.choose.ask(`admin.grants.choose.${name}`, kinds);
      if (!found) return;
      this.#chosen[name] = found;
      this.render();
    });
    press.element.classList.add("picker");
    return { element: press.element, render: () => press.render(this.#chosen[name]?.name ?? t("admin.grants.pick")) };
  }

  #row(first) {
    const words = h("p", {});
    const more = h("p", { class: ["soft", "small", "numbers"] });
    const revoke = new Press(icon("close"), () => this.#revoke(first));
    const note = new Note();
    const element = h("li", {}, h("div", { class: "words" }, words, more), note.element, revoke.element);
    return {
      element,
      render: (grant) => {
        const { names, acts } = this.desk;
        setText(words, t("admin.grants.row", this.#values(grant)));
        const until = grant.until_us / 1000;
        const by = names.of(grant.by ? `person:${grant.by}` : "system");
        setText(more, t("admin.grants.row.more", { day: dateOf(until), time: timeOfDay(until), by }));
        revoke.render(t("admin.grants.revoke"));
        note.render(acts.of(`grant:${grant.id}`));
      },
    };
  }
}
