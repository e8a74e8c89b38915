// One consultation on the overview: what it is, whose, since when, and the one thing to do with it.

import { Note } from "../acts.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, setText } from "../dom.js";
import { t } from "../i18n.js";
import { openMenu } from "../menu.js";
import { unitNameOf } from "../names.js";
import { addressOf } from "../replay/address.js";
import { duration } from "../words.js";
import { mayChair, offerOf } from "./offer.js";
import { RecordedSign } from "./recordedsign.js";

export class Card {
  /** `desk`: {acts, now(), enter(id), question}. */
  constructor(consultation, desk) {
    this.consultation = consultation;
    this.desk = desk;
    this.tag = h("span", { class: "tag" });
    this.title = h("strong", { class: "card-title" });
    this.lock = h("span", { class: "sign" }, icon("lock"), h("span"));
    this.recorded = new RecordedSign();
    this.mine = h("span", { class: "mine" });
    this.unit = h("span", { class: "card-unit" });
    this.chair = h("span", { class: "soft" });
    this.present = h("span", { class: "numbers" });
    this.when = h("span", { class: "numbers" });
    this.note = new Note();
    this.go = h("button", { class: ["button", "go"], type: "button", on: { click: () => this.#go() } });
    this.more = h("button", { class: ["button", "bare"], type: "button", "aria-haspopup": "menu" }, icon("more"));
    this.more.addEventListener("click", () => this.#menu());
    const head = h("div", { class: "card-head" }, this.title, this.recorded.element, this.lock, this.mine);
    const facts = h("div", { class: ["card-facts", "soft"] }, this.unit, this.chair, this.present, this.when);
    const does = h("div", { class: "card-acts" }, this.note.element, this.go, this.more);
    const what = h("div", { class: "card-what" }, head, facts);
    this.element = h("li", { class: "card", data: { id: consultation.id } }, this.tag, what, does);
  }

  render(consultation) {
    this.consultation = consultation;
    const running = consultation.stage === "running";
    this.element.dataset.stage = consultation.stage;
    setText(this.tag, t(`tag.${consultation.level || "mobile"}`));
    this.tag.dataset.level = consultation.level;
    setText(this.title, consultation.title);
    this.title.title = consultation.title;
    this.recorded.render(consultation.recording);
    this.lock.hidden = !consultation.locked;
    setText(this.lock.lastElementChild, t("card.locked"));
    this.mine.hidden = !["invited", "present", "waiting"].includes(consultation.mine);
    if (!this.mine.hidden) setText(this.mine, t(`card.mine.${consultation.mine}`));
    setText(this.unit, unitNameOf(consultation));
    setText(this.chair, t("card.chair", { name: consultation.chair_name }));
    this.present.hidden = !running;
    const waiting = consultation.waiting > 0 ? t("card.waiting", { n: consultation.waiting }) : "";
    setText(this.present, [t("card.present", { n: consultation.present }), waiting].filter(Boolean).join(" · "));
    this.renderTime();
    this.#renderGo();
    this.note.render(this.desk.acts.of(`consultation:${consultation.id}`));
  }

  renderTime() {
    const { stage, started_us: started, begins_us: begins } = this.consultation;
    const now = this.desk.now();
    if (stage === "running") {
      const since = started / 1000;
      setText(this.when, t("card.since", { time: timeOfDay(since), long: duration(now - since) }));
      return;
    }
    const at = begins / 1000;
    const day = dateOf(at) === dateOf(now) ? t("card.today") : dateOf(at);
    setText(this.when, t(at < now ? "card.overdue" : "card.at", { day, time: timeOfDay(at).slice(0, 5) }));
    this.when.classList.toggle("bad", at < now);
  }

  #renderGo() {
    const { act, reason } = offerOf(this.consultation);
    setText(this.go, t(`card.do.${act}`));
    this.go.classList.toggle("main", reason === "" && act !== "ask");
    this.go.setAttribute("aria-disabled", String(reason !== ""));
    this.go.title = reason ? t(`card.why.${reason}`) : "";
    const name = t("card.do", { act: this.go.textContent, title: this.consultation.title });
    this.go.setAttribute("aria-label", reason ? `${name} · ${this.go.title}` : name);
    this.more.title = t("card.more");
    this.more.setAttribute("aria-label", t("card.more"));
  }

  async #go() {
    const { id } = this.consultation;
    const { act, reason } = offerOf(this.consultation);
    if (reason) return;
    const { acts } = this.desk;
    if (act === "start" && !(await acts.run(`consultation:${id}`, "consultation.start", { consultation: id }))) return;
    this.desk.enter(id);
  }

  #menu() {
    const { id, title, stage } = this.consultation;
    const reason = mayChair(this.consultation) ? "" : t("why.chairOnly");
    const look = { label: t("card.open"), icon: "enlarge", act: () => this.desk.look(id) };
    const name = stage === "scheduled" ? "cancel" : "end";
    const end = { label: t(`card.${name}`), icon: "stop", danger: true, reason, act: () => this.#end(name) };
    openMenu(this.more, [look, ...this.#replay(), end], { title });
  }

  #replay() {
    const { recording, may } = this.consultation;
    if (!recording) return [];
    const reason = may.includes("replay") ? "" : t("replay.why.right");
    const act = () => {
      location.hash = addressOf(recording.id);
    };
    return [{ label: t("replay.open"), icon: "play", reason, act }];
  }

  async #end(name) {
    const { id, title } = this.consultation;
    if (!(await this.desk.question.ask(name, { title }))) return;
    this.desk.acts.run(`consultation:${id}`, "consultation.end", { consultation: id });
  }
}
