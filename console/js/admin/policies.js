// Policies of recording: which there are, made, changed and taken back; emergencies among them, which are only ended.

import { ApiError } from "../api.js";
import { Note } from "../acts.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { refusalWords } from "../said.js";
import { Press } from "./field.js";
import { ABOUT, periodWords, PolicyForm } from "./policyform.js";

const PAGE = 200;
/** Others make and take back too, and no topic tells it. */
const AGAIN_MS = 10000;

function momentWords(key, us) {
  return us ? t(key, { day: dateOf(us / 1000), time: timeOfDay(us / 1000) }) : "";
}

export class Policies {
  #items = [];
  #state = "asking";
  #error = null;
  #timer = 0;

  /** `desk` as in page.js, with `emergencies`. */
  constructor(desk) {
    this.desk = desk;
    this.form = new PolicyForm(desk, () => this.#ask());
    this.title = h("h2");
    this.state = h("p", { class: "none", role: "status" });
    this.rows = h("ul", { class: "grant-rows" });
    this.list = new List(this.rows, (policy) => this.#row(policy));
    this.element = h("div", { class: "admin-grants" }, this.form.element, this.title, this.state, this.rows);
    desk.acts.listen((about) => (about === ABOUT || about.startsWith("policy:")) && this.render());
  }

  enter() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => document.visibilityState === "visible" && this.#ask(), AGAIN_MS);
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
    this.form.render();
    setText(this.title, t("policies.list", { n: this.#items.length }));
    const words = {
      asking: () => (this.#items.length ? "" : t("tree.asking")),
      trouble: () => refusalWords(this.#error.code),
      known: () => (this.#items.length ? "" : t("policies.none")),
    };
    setText(this.state, words[this.#state]());
    set(this.state, { hidden: this.state.textContent === "" });
    this.list.show(this.#items);
  }

  async #ask() {
    this.#state = "asking";
    try {
      const { items } = await this.desk.doors.get("/policies", { limit: PAGE });
      this.#items = items;
      this.#state = "known";
      this.desk.names.want(items.flatMap(({ unit, by }) => [`unit:${unit}`, ...(by ? [`person:${by}`] : [])]));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#state = "trouble";
      this.#error = error;
    }
    this.render();
  }

  async #remove(policy) {
    const { acts, question, emergencies, names } = this.desk;
    if (policy.why === "emergency") {
      if (await emergencies.end(policy.unit, names.of(`unit:${policy.unit}`))) await this.#ask();
      return;
    }
    if (!(await question.ask("policy", { row: this.#rowWords(policy) }))) return;
    if (await acts.run(`policy:${policy.id}`, "policy.remove", { policy: policy.id })) await this.#ask();
  }

  #rowWords({ unit, what, kinds, why }) {
    const name = this.desk.names.of(`unit:${unit}`);
    if (why === "emergency") return t("policies.row.emergency", { unit: name });
    const values = { unit: name, what: t(`policies.what.${what}`) };
    if (what === "consultations") return t("policies.row", values);
    const told = kinds.map((kind) => t(`kind.${kind}`)).join(t("audit.and")) || t("policies.kinds.all");
    return t("policies.row.kinds", { ...values, kinds: told });
  }

  #moreWords({ retention, period_us: period, from_us: from, until_us: until, by, reason }) {
    const { names } = this.desk;
    const kept = { retention: t(`policies.retention.${retention}`), period: periodWords(period) };
    return [
      t("policies.row.kept", kept), momentWords("policies.row.from", from), momentWords("policies.row.until", until),
      t("policies.row.by", { by: names.of(by ? `person:${by}` : "system") }), reason,
    ].filter(Boolean).join(" · ");
  }

  #row(first) {
    let now = first;
    const words = h("p", {});
    const more = h("p", { class: ["soft", "small", "numbers"] });
    const change = new Press(icon("admin"), () => this.form.edit(now));
    const remove = new Press(icon("close"), () => this.#remove(now));
    const note = new Note();
    const acts = [note.element, change.element, remove.element];
    const element = h("li", {}, h("div", { class: "words" }, words, more), acts);
    return {
      element,
      render: (policy) => {
        now = policy;
        const declared = policy.why === "emergency";
        setText(words, this.#rowWords(policy));
        words.classList.toggle("danger", declared);
        setText(more, this.#moreWords(policy));
        set(change.element, { hidden: declared });
        change.render(t("policies.change"));
        remove.render(t(declared ? "emergency.end" : "policies.remove"));
        note.render(this.desk.acts.of(`policy:${policy.id}`));
      },
    };
  }
}
