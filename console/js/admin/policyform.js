// The form of a policy of recording: of which unit, what, for how long. Made anew, or changed.

import { Note } from "../acts.js";
import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { beginsUs } from "../overview/create.js";
import { Press } from "./field.js";
import { KINDS } from "./shapes.js";

const ZONE_MS = 8 * 3600 * 1000;
const HOUR_US = 3_600_000_000;
const PERIODS_US = [HOUR_US, 6 * HOUR_US, 24 * HOUR_US, 168 * HOUR_US];
export const ABOUT = "policy/form";
/** What is made unless somebody says otherwise. */
const FRESH = { unit: "", what: "sources", kinds: [], retention: "ordinary", period_us: 24 * HOUR_US, reason: "" };

/** The `datetime-local` value of a moment in UTC+8, "" of 0. Pure. */
function localOf(us) {
  return us ? new Date(us / 1000 + ZONE_MS).toISOString().slice(0, 16) : "";
}

/** A length in words. */
export function periodWords(us) {
  const [unit, length] = [["hours", HOUR_US], ["minutes", 60_000_000], ["seconds", 1_000_000]].find(
    ([, each]) => us >= each && us % each === 0,
  ) ?? ["seconds", 1_000_000];
  return t(`policies.period.${unit}`, { n: Math.round(us / length) });
}

function select(values) {
  return h("select", {}, values.map((value) => h("option", { value: String(value) })));
}

export class PolicyForm {
  #old = null;
  #unit = "";

  /** `desk` as in page.js; `done()` when the server has it. */
  constructor(desk, done) {
    this.desk = desk;
    this.done = done;
    this.title = h("h2");
    this.why = h("p", { class: "soft" });
    this.pick = new Press(icon("tree"), () => this.#pick());
    this.pick.element.classList.add("picker");
    this.what = select(["sources", "consultations", "all"]);
    this.retention = select(["brief", "ordinary", "lasting"]);
    this.period = select(PERIODS_US);
    this.from = h("input", { type: "datetime-local" });
    this.until = h("input", { type: "datetime-local" });
    this.reason = h("input", { type: "text", maxLength: 200, autocomplete: "off" });
    this.kinds = KINDS.map((value) => ({ value, box: h("input", { type: "checkbox" }), words: h("span") }));
    const boxes = this.kinds.map(({ box, words }) => h("label", { class: "check-field" }, box, words));
    this.legend = h("span", { class: "soft" });
    this.boxes = h("div", { class: "policy-kinds", role: "group" }, this.legend, boxes);
    this.labels = {};
    const field = (name, control, tag = "label") => {
      this.labels[name] = h("span");
      control.name = name;
      return h(tag, { class: "field" }, this.labels[name], control);
    };
    this.note = new Note();
    this.no = new Press(null, () => this.edit(null));
    this.go = h("button", { class: ["button", "main"] });
    this.form = h(
      "form", { class: "filters" }, field("unit", this.pick.element, "div"), field("what", this.what),
      field("retention", this.retention), field("period", this.period), this.boxes, field("from", this.from),
      field("until", this.until), field("reason", this.reason),
      h("div", { class: "filter-acts" }, this.note.element, this.no.element, this.go),
    );
    this.form.noValidate = true;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.what.addEventListener("input", () => this.render());
    this.element = h("div", {}, this.title, this.why, this.form);
    this.edit(null);
  }

  /** Change this policy, or make one when it is null. */
  edit(policy) {
    this.#old = policy;
    const { unit, what, kinds, retention, period_us: period, reason, from_us: from = 0, until_us: until = 0 } =
      policy ?? FRESH;
    this.#unit = unit;
    this.what.value = what;
    this.retention.value = retention;
    // One that was made elsewhere may be of any length.
    const others = [...this.period.options].some((option) => option.value === String(period));
    if (!others) this.period.append(h("option", { value: String(period) }));
    this.period.value = String(period);
    this.from.value = localOf(from);
    this.until.value = localOf(until);
    this.reason.value = reason;
    for (const kind of this.kinds) kind.box.checked = kinds.includes(kind.value);
    this.render();
    if (policy) this.what.focus();
  }

  render() {
    const { acts, names } = this.desk;
    setText(this.title, t(this.#old ? "policies.edit" : "policies.make"));
    setText(this.why, t("policies.why"));
    for (const [name, label] of Object.entries(this.labels)) setText(label, t(`policies.${name}`));
    this.pick.render(this.#unit ? names.of(`unit:${this.#unit}`) : t("policies.unit.pick"));
    for (const option of this.what.options) setText(option, t(`policies.what.${option.value}`));
    for (const option of this.retention.options) setText(option, t(`policies.retention.${option.value}`));
    for (const option of this.period.options) setText(option, periodWords(Number(option.value)));
    set(this.boxes, { hidden: this.what.value === "consultations" });
    setText(this.legend, t("policies.kinds"));
    this.boxes.setAttribute("aria-label", t("policies.kinds"));
    for (const { value, words } of this.kinds) setText(words, t(`kind.${value}`));
    const said = acts.of(ABOUT);
    this.note.render(said);
    set(this.no.element, { hidden: !this.#old });
    this.no.render(t("policies.cancel"));
    setText(this.go, t(this.#old ? "policies.save" : "policies.go"));
    const missing = this.#unit ? "" : t("policies.missing");
    this.go.title = missing;
    this.go.setAttribute("aria-disabled", String(Boolean(missing) || said?.state === "sent"));
  }

  async #pick() {
    const found = await this.desk.choose.ask("policies.unit.choose", ["unit"]);
    if (!found) return;
    this.#unit = found.id;
    this.desk.names.want([`unit:${found.id}`]);
    this.render();
  }

  /** What the form says now. */
  #values() {
    const what = this.what.value;
    const chosen = this.kinds.filter(({ box }) => box.checked).map(({ value }) => value);
    return {
      unit: this.#unit, what, kinds: what === "consultations" ? [] : chosen, retention: this.retention.value,
      period_us: Number(this.period.value), reason: this.reason.value,
      from_us: this.#timeOf("from"), until_us: this.#timeOf("until"),
    };
  }

  /** A moment as it was, unless another was chosen: fields have no seconds. */
  #timeOf(name) {
    const before = this.#old?.[`${name}_us`] ?? 0;
    return this[name].value === localOf(before) ? before : beginsUs(this[name].value);
  }

  async #send() {
    if (this.go.getAttribute("aria-disabled") === "true") return;
    const values = this.#values();
    const [name, params] = this.#old
      ? ["policy.change", { policy: this.#old.id, ...values }]
      : ["policy.create", values];
    const { refusal } = await this.desk.acts.make(ABOUT, name, params);
    if (refusal) {
      if (refusal.field === "until_us") this.until.focus();
      return;
    }
    this.edit(null);
    await this.done();
  }
}
