// The recordings that one may replay, the newest first: those that run, and those that are over.

import { Acts } from "../acts.js";
import { ApiError } from "../api.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setText } from "../dom.js";
import { Press } from "../admin/field.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { refusalWords } from "../said.js";
import { duration } from "../words.js";
import { addressOf } from "./address.js";
import { KeepDialog } from "./keepdialog.js";

const PAGE = 50;

export class RecordingsList {
  #items = [];
  #next = "";
  #turn = 0;
  #error = "";
  #asking = false;

  /** `doors`: as in admin/doors.js; `names`: as in called.js; `now()`: the server's UTC in ms; `link`: for acts. */
  constructor({ doors, names, now, link }) {
    this.link = link;
    this.keeping = new KeepDialog(new Acts(link), (recording) => this.#put(recording));
    this.doors = doors;
    this.names = names;
    this.now = now;
    this.title = h("h2");
    this.state = h("p", { class: ["none", "soft"], role: "status" });
    this.again = new Press(null, () => this.ask());
    this.rows = h("ul", { class: ["cards", "recordings-rows"] });
    this.list = new List(this.rows, (recording) => this.#row(recording));
    this.more = new Press(icon("add"), () => this.#more());
    const head = h("div", { class: "section-head" }, this.title, this.again.element);
    this.element = h("div", { class: "recordings" }, head, this.state, this.rows, this.more.element);
  }

  /** Ask anew. */
  ask() {
    this.#items = [];
    this.#next = "";
    return this.#more();
  }

  render() {
    setText(this.title, t("recordings.title"));
    this.again.render(t("recordings.refresh"));
    this.more.render(t("audit.more"));
    set(this.more.element, { hidden: this.#next === "" || this.#asking });
    const nothing = this.#items.length ? "" : t("recordings.none");
    setText(this.state, this.#error ? refusalWords(this.#error) : this.#asking ? t("recordings.asking") : nothing);
    set(this.state, { hidden: this.state.textContent === "" });
    this.list.show(this.#items);
  }

  async #more() {
    this.#turn += 1;
    const turn = this.#turn;
    this.#asking = true;
    this.#error = "";
    this.render();
    try {
      const { items, next } = await this.doors.get("/recordings", { cursor: this.#next, limit: PAGE });
      if (turn !== this.#turn) return;
      this.names.want(items.flatMap(({ unit, by }) => [unit && `unit:${unit}`, by && `person:${by}`].filter(Boolean)));
      this.#items = [...this.#items, ...items];
      this.#next = next;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (turn === this.#turn) this.#error = error.code;
    }
    if (turn !== this.#turn) return;
    this.#asking = false;
    this.render();
  }

  #put(changed) {
    this.#items = this.#items.map((one) => (one.id === changed.id ? changed : one));
    this.render();
  }

  #row(first) {
    let shown = first;
    const title = h("strong", { class: "card-title" });
    const state = h("span", { class: ["sign", "recorded"] }, icon("record"), h("span"));
    const kept = h("span", { class: "sign" }, icon("lock"), h("span"));
    const gone = h("span", { class: ["sign", "deleted"] }, icon("close"), h("span"));
    const sort = h("span");
    const keep = new Press(icon("lock"), () => this.keeping.ask(shown));
    const unit = h("span");
    const by = h("span");
    const when = h("span", { class: "numbers" });
    const words = h("span");
    const facts = h("div", { class: ["card-facts", "soft"] }, unit, by, when, sort);
    const what = h("div", { class: "card-what" }, h("div", { class: "card-head" }, title, state, kept, gone), facts);
    const go = h("a", { class: ["button", "go"], href: addressOf(first.id) }, icon("play"), words);
    const element = h("li", { class: "card" }, what, h("div", { class: "card-acts" }, keep.element, go));
    const render = (recording) => {
      shown = recording;
      const { deleted_us: deleted = 0, deleted_by: policy = "", retention = "ordinary" } = recording;
      const { ended_us: ended, begun_us: begun, paused_us: paused } = recording;
      element.dataset.stage = ended ? "ended" : "running";
      setText(title, recording.title || t("replay.nameless"));
      set(state, { hidden: Boolean(ended) });
      state.classList.toggle("rests", Boolean(paused));
      setText(state.lastElementChild, t(paused ? "card.rests" : "card.recorded"));
      set(kept, { hidden: !recording.hold, title: recording.hold });
      setText(kept.lastElementChild, t("recordings.kept"));
      set(gone, { hidden: !deleted, title: deleted ? dateOf(deleted / 1000) : "" });
      setText(gone.lastElementChild, t(policy.endsWith("disk-low") ? "recordings.deleted.low" : "recordings.deleted"));
      setText(sort, deleted ? "" : t(`recordings.class.${retention}`));
      keep.render(t("recordings.keep"));
      set(keep.element, { hidden: Boolean(deleted) || !this.link.rights?.includes("manage") });
      keep.element.setAttribute("aria-label", `${t("recordings.keep")} ${recording.title || t("replay.nameless")}`);
      setText(unit, recording.unit ? this.names.of(`unit:${recording.unit}`) : "");
      const who = recording.by ? t("recordings.by", { name: this.names.of(`person:${recording.by}`) }) : "";
      const why = { emergency: t("recordings.emergency"), policy: t("recordings.policy") };
      setText(by, why[recording.why] ?? who);
      const end = ended ? ` – ${timeOfDay(ended / 1000)}` : "";
      const long = duration((ended || this.now() * 1000) / 1000 - begun / 1000);
      setText(when, `${dateOf(begun / 1000)} ${timeOfDay(begun / 1000)}${end} · ${long}`);
      setText(words, t("replay.open"));
      go.setAttribute("aria-label", `${t("replay.open")} ${title.textContent}`);
    };
    return { element, render };
  }
}
