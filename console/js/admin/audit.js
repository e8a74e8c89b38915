// The timeline in words, the newest first, page by page.

import { ApiError, request } from "../api.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { beginsUs } from "../overview/create.js";
import { consultationsOf } from "../overview/places.js";
import { addressOf } from "../replay/address.js";
import { refusalWords } from "../said.js";
import { deviceWords } from "./device.js";
import { Press } from "./field.js";
import { isAside, isBeside, sentenceOf, targetsOf, VERBS, verbWords } from "./sentence.js";

const PAGE = 50;
/** Pages that hold nothing to be shown are passed over, so many at a time. */
const MOST_EMPTY = 5;
const FILTERS = ["from", "to", "verb", "session", "actor", "object", "all"];

export class Audit {
  #entries = [];
  #next = "";
  #turn = 0;
  #state = "asking";
  #error = null;
  #since = 0;
  #chosen = { actor: null, object: null };

  constructor(desk) {
    this.desk = desk;
    this.from = h("input", { type: "datetime-local" });
    this.to = h("input", { type: "datetime-local" });
    this.verb = this.#verbs();
    this.session = h("select");
    this.pickers = {
      actor: this.#picker("actor", ["person"]),
      object: this.#picker("object", ["unit", "person", "endpoint"]),
    };
    this.all = h("input", { type: "checkbox" });
    this.labels = Object.fromEntries(FILTERS.map((name) => [name, h("span")]));
    const field = (name, control) => h("label", { class: "field" }, this.labels[name], control);
    this.go = h("button", { class: ["button", "main"] });
    this.clear = new Press(icon("close"), () => this.#clear());
    const allField = h("label", { class: "check-field" }, this.all, this.labels.all);
    const group = (name) => h("div", { class: "field" }, this.labels[name], this.pickers[name].element);
    this.form = h(
      "form", { class: "filters" }, field("from", this.from), field("to", this.to), group("actor"), group("object"),
      field("session", this.session), field("verb", this.verb), allField,
      h("div", { class: "filter-acts" }, this.clear.element, this.go),
    );
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.ask();
    });
    this.form.addEventListener("change", () => this.ask());
    this.state = h("p", { class: ["none", "audit-state"], role: "status" });
    this.rows = h("ol", { class: "entries" });
    this.list = new List(this.rows, (entry) => this.#row(entry));
    this.more = new Press(icon("add"), () => this.#more());
    this.element = h("div", { class: "admin-audit" }, this.form, this.state, this.rows, this.more.element);
  }

  enter() {
    this.ask();
  }

  leave() {
    this.#turn += 1;
  }

  /** Ask anew for what the filters say. */
  async ask() {
    this.#entries = [];
    this.#next = "";
    await this.#more();
  }

  /** More names are known. */
  named() {
    this.render();
  }

  render() {
    for (const [name, label] of Object.entries(this.labels)) setText(label, t(`audit.filter.${name}`));
    setText(this.go, t("audit.refresh"));
    this.clear.render(t("audit.clear"));
    for (const picker of Object.values(this.pickers)) picker.render();
    this.#renderVerbs();
    this.#renderSessions();
    const words = {
      asking: () => t("audit.asking"),
      trouble: () => this.#troubleWords(),
      known: () => (this.#entries.length ? "" : t("audit.nothing")),
    };
    setText(this.state, words[this.#state]());
    this.state.classList.toggle("bad", this.#state === "trouble");
    this.state.hidden = this.state.textContent === "";
    this.more.render(t("audit.more"));
    this.more.element.hidden = this.#next === "" || this.#state === "asking";
    this.list.show(this.#entries);
  }

  #troubleWords() {
    if (this.#since) return t("audit.down", { day: dateOf(this.#since), time: timeOfDay(this.#since) });
    return refusalWords(this.#error.code);
  }

  async #more() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#state = "asking";
    this.render();
    try {
      const before = this.#entries.length;
      for (let pages = 0; pages < MOST_EMPTY && this.#entries.length === before; pages += 1) {
        const asked = { ...this.#question(), cursor: this.#next, limit: PAGE };
        const page = await this.desk.doors.get("/timeline", asked);
        if (turn !== this.#turn) return;
        this.#take(page);
        if (!this.#next) break;
      }
      this.#state = "known";
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn !== this.#turn) return;
      await this.#failed(error);
    }
    if (turn === this.#turn) this.render();
  }

  #take({ items, next }) {
    this.#next = next;
    const shown = items.filter((entry) => !isBeside(entry) && (this.all.checked || !isAside(entry)));
    this.desk.names.want(shown.flatMap(targetsOf));
    this.#entries = [...this.#entries, ...shown];
  }

  /** The database may be gone while the rest goes on: the node itself says since when. */
  async #failed(error) {
    this.#state = "trouble";
    this.#error = error;
    this.#since = 0;
    if (error.status !== 503) return;
    try {
      const { parts } = await request("/healthz");
      this.#since = (parts.database?.since_us ?? 0) / 1000;
    } catch (second) {
      if (!(second instanceof ApiError)) throw second;
    }
  }

  #question() {
    const { actor, object } = this.#chosen;
    return {
      from_us: beginsUs(this.from.value),
      to_us: beginsUs(this.to.value),
      actor: actor?.id ?? "",
      object: object ? `${object.kind}:${object.id}` : "",
      session: this.session.value,
      verb: this.verb.value,
    };
  }

  #clear() {
    this.from.value = this.to.value = this.verb.value = this.session.value = "";
    this.#chosen = { actor: null, object: null };
    this.ask();
  }

  #picker(name, kinds) {
    const press = new Press(icon("search"), async () => {
      const found = await this.desk.choose.ask(`audit.choose.${name}`, kinds);
      if (!found) return;
      this.#chosen[name] = found;
      this.ask();
    });
    press.element.classList.add("picker");
    return { element: press.element, render: () => press.render(this.#chosen[name]?.name ?? t("audit.any")) };
  }

  #verbs() {
    const groups = Object.entries(VERBS).map(([group, verbs]) => {
      return h("optgroup", { data: { group } }, verbs.map((value) => h("option", { value })));
    });
    return h("select", {}, h("option", { value: "" }), groups);
  }

  #renderVerbs() {
    for (const group of this.verb.querySelectorAll("optgroup")) group.label = t(`audit.group.${group.dataset.group}`);
    for (const option of this.verb.options) {
      setText(option, option.value ? verbWords(option.value) : t("audit.any"));
    }
  }

  /** Those that run and are to come; an ended one is chosen at an entry of it. */
  #renderSessions() {
    const { value } = this.session;
    const known = [...consultationsOf(this.desk.link.store).values()].map((one) => [one.id, one.title]);
    const ids = new Map([["", t("audit.any")], ...known]);
    if (value && !ids.has(value)) ids.set(value, this.desk.names.of(`consultation:${value}`));
    const key = JSON.stringify([...ids]);
    if (this.session.dataset.key === key) return;
    this.session.dataset.key = key;
    this.session.replaceChildren(...[...ids].map(([id, words]) => h("option", { value: id }, words)));
    this.session.value = value;
  }

  #chooseSession(id, name) {
    if (![...this.session.options].some((option) => option.value === id)) {
      this.session.append(h("option", { value: id }, name));
    }
    this.session.value = id;
    this.ask();
  }

  #row(first) {
    const day = h("span", { class: ["soft", "numbers", "entry-day"] });
    const time = h("span", { class: "numbers" });
    const words = h("p", { class: "entry-words" });
    const session = h("button", { class: "linkish", type: "button" });
    session.addEventListener("click", () => this.#chooseSession(first.session, session.textContent));
    const replay = h("a", { class: "linkish" });
    const from = h("span", { class: ["soft", "small"] });
    const more = h("p", { class: ["entry-more", "small"] }, session, replay, from);
    const when = h("div", { class: "entry-time" }, day, time);
    const element = h("li", { data: { verb: first.verb } }, when, h("div", {}, words, more));
    return {
      element,
      render: (entry) => {
        const { names } = this.desk;
        const ms = entry.hlc[0] / 1000;
        setText(day, dateOf(ms));
        setText(time, timeOfDay(ms));
        setText(words, sentenceOf(entry, names));
        element.title = verbWords(entry.verb);
        session.hidden = !entry.session;
        setText(session, entry.session ? names.of(`consultation:${entry.session}`) : "");
        const [kind, id] = entry.object.split(":");
        replay.hidden = kind !== "recording";
        replay.href = addressOf(id, { us: entry.hlc[0] });
        setText(replay, t("replay.open"));
        const { ip = "", device = "" } = entry.from ?? {};
        setText(from, [ip, deviceWords(device)].filter(Boolean).join(" · "));
        from.title = device;
        more.hidden = session.hidden && replay.hidden && from.textContent === "";
      },
    };
  }
}
