// What the chair says to me in a consultation: the announcement above the pictures and below them that I am cut off,
// which never cover them, for they may stand for long; and laid over them what is asked of me, each in its own place.

import { Note } from "../acts.js";
import { timeOfDay } from "../clock.js";
import { h, icon, set, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";

/** After this long nobody remembers being asked. */
const ASKED_MS = 60000;

export class Prompts {
  #hidden = 0;
  #answeredAsk = 0;
  #room = null;

  /** `desk`: {acts, own, now(), room(), turn(part, on)}. */
  constructor(desk) {
    this.desk = desk;
    this.words = h("span", { class: "words" });
    this.when = h("span", { class: ["numbers", "small"] });
    const shut = { class: ["button", "bare"], type: "button", on: { click: () => this.#hide() } };
    this.shut = h("button", shut, icon("close"));
    this.news = h("div", { class: "announcement", role: "status", hidden: true });
    this.news.append(icon("announce"), this.words, this.when, this.shut);
    this.note = new Note();
    this.ask = this.#prompt("ask", () => this.#unmute(), () => this.#notNow());
    this.roll = this.#prompt("roll", () => this.#here(), null);
    this.cut = h("div", { class: "cut-off", role: "status", hidden: true }, icon("mic-off"), h("span"));
    const asks = h("div", { class: "prompts" }, this.ask.element, this.roll.element, this.note.element);
    this.element = h("div", { class: "over" }, asks);
  }

  update(room) {
    this.#room = room;
    const { consultation, own } = room;
    const news = consultation.announcement && consultation.announced_us !== this.#hidden;
    set(this.news, { hidden: !news });
    if (news) {
      setText(this.words, consultation.announcement);
      setText(this.when, timeOfDay(consultation.announced_us / 1000));
      setLabel(this.shut, t("announce.hide"));
    }
    const here = own?.attendance === "present";
    const asked = here ? own.asked_us : 0;
    const fresh = asked && asked !== this.#answeredAsk && this.desk.now() - asked / 1000 < ASKED_MS;
    this.#show(this.ask, Boolean(fresh) && !this.desk.own.isOn("microphone"), own?.word_us ? "word" : "ask");
    const { roll } = consultation;
    const called = here && roll && !roll.closed_us && roll.by !== own.person;
    this.#show(this.roll, Boolean(called && own.roll_us !== roll.at_us), "roll");
    const cut = here && (own.sound_off || own.picture_off);
    set(this.cut, { hidden: !cut });
    const which = own?.sound_off && own?.picture_off ? "both" : own?.sound_off ? "sound" : "picture";
    if (cut) setText(this.cut.lastElementChild, t(`cut.${which}`));
    this.note.render(this.desk.acts.of(`consultation:${consultation.id}`));
  }

  #prompt(name, yes, no) {
    const words = h("span");
    const go = h("button", { class: ["button", "main"], type: "button", on: { click: yes } });
    const not = no ? h("button", { class: "button", type: "button", on: { click: no } }) : null;
    const element = h("div", { class: "prompt", role: "alert", hidden: true, data: { prompt: name } }, words, go, not);
    return { element, words, go, not };
  }

  #show({ element, words, go, not }, shown, key) {
    set(element, { hidden: !shown });
    if (!shown) return;
    setText(words, t(`prompt.${key}`));
    setText(go, t(`prompt.${key}.yes`));
    if (not) setText(not, t("prompt.no"));
  }

  #hide() {
    this.#hidden = this.#room.consultation.announced_us;
    this.update(this.#room);
  }

  #unmute() {
    this.#answeredAsk = this.#room.own.asked_us;
    this.desk.turn("microphone", true);
    this.update(this.#room);
  }

  #notNow() {
    this.#answeredAsk = this.#room.own.asked_us;
    this.update(this.#room);
  }

  #here() {
    const { id } = this.#room.consultation;
    this.desk.acts.run(`consultation:${id}`, "participant.here", { consultation: id });
  }
}
