// The list of participants: who waits, who asks for the word, who is here, who is not; each with what can be done.

import { Note } from "../acts.js";
import { timeOfDay } from "../clock.js";
import { h, icon, setIcon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { List } from "../list.js";
import { unitNameOf } from "../names.js";
import { quickAct } from "./actson.js";
import { isHeard, isSeen, officeOf, rollOf } from "./room.js";

const SECTIONS = ["waiting", "hands", "present", "gone"];

class Row {
  #room = null;
  #participant = null;

  constructor(desk) {
    this.desk = desk;
    this.lamp = h("span", { class: "lamp" });
    this.tag = h("span", { class: "tag" });
    this.name = h("span", { class: "name" });
    this.office = h("span", { class: "office" });
    this.unit = h("span", { class: ["soft", "small", "row-unit"] });
    this.hand = h("span", { class: "seat-sign", role: "img" }, icon("hand"));
    this.eye = h("span", { class: "seat-sign", role: "img" }, icon("camera-off"));
    this.quick = h("button", { class: ["button", "bare", "quick"], type: "button" }, icon("mic"));
    this.quick.addEventListener("click", () => this.#quick());
    this.more = h("button", { class: ["button", "bare"], type: "button", "aria-haspopup": "menu" }, icon("more"));
    this.more.addEventListener("click", () => desk.menuOf(this.#participant, this.more));
    this.note = new Note();
    const first = h("div", { class: "row-first" }, this.name, this.office);
    const who = h("div", { class: "row-who" }, first, this.unit, this.note.element);
    const parts = [this.lamp, this.tag, who, this.hand, this.eye, this.quick, this.more];
    this.element = h("li", { class: "person-row" }, parts);
  }

  render({ participant, room }) {
    this.#participant = participant;
    this.#room = room;
    const { element } = this;
    element.dataset.id = participant.id;
    element.dataset.attendance = participant.attendance;
    const present = participant.attendance === "present";
    const online = participant.person === "" || participant.online;
    this.lamp.dataset.lamp = present && online ? "on" : present ? "lost" : "off";
    setLabel(this.lamp, t(present && !online ? "people.lost" : `attendance.${participant.attendance}`));
    this.tag.hidden = !participant.level;
    if (participant.level) setText(this.tag, t(`tag.${participant.level}`));
    this.tag.dataset.level = participant.level ?? "";
    const me = room.own?.id === participant.id;
    setText(this.name, me ? t("people.me", { name: participant.name }) : participant.name);
    this.name.title = participant.name;
    const office = officeOf(room, participant);
    this.office.hidden = !office;
    if (office) setText(this.office, t(`office.${office}`));
    setText(this.unit, this.#second());
    this.hand.hidden = !participant.hand_us && !participant.word_us;
    setIcon(this.hand.firstElementChild, participant.word_us ? "word" : "hand");
    if (!this.hand.hidden) setLabel(this.hand, t(participant.word_us ? "sign.word" : "sign.hand"));
    this.eye.hidden = !present || isSeen(room, participant);
    if (!this.eye.hidden) setLabel(this.eye, t(participant.picture_off ? "sign.pictureOff" : "sign.noPicture"));
    this.#renderQuick(present);
    setLabel(this.more, t("seat.more", { name: participant.name }));
    this.note.render(this.desk.acts.of(`participant:${participant.id}`));
    element.classList.toggle("speaks", present && room.speaker === participant.id);
  }

  #second() {
    const { hand_us: hand, attendance } = this.#participant;
    const unit = unitNameOf(this.#participant);
    // Since when comes first: who asked before whom is what is looked for, and the end of the line may be cut.
    if (hand) return [t("people.handSince", { time: timeOfDay(hand / 1000) }), unit].filter(Boolean).join(" · ");
    const state = ["present", "waiting"].includes(attendance) ? "" : t(`attendance.${attendance}`);
    return [unit, state].filter(Boolean).join(" · ");
  }

  #renderQuick(present) {
    const act = quickAct(this.#room, this.#participant);
    const heard = isHeard(this.#room, this.#participant);
    this.quick.hidden = !act && !present;
    const cut = this.#participant.sound_off;
    const admits = act?.key === "admit";
    const picture = admits ? "check" : heard ? "mic" : "mic-off";
    setIcon(this.quick.firstElementChild, picture);
    this.quick.classList.toggle("cut", cut);
    this.quick.classList.toggle("heard", heard);
    const state = t(cut ? "sign.soundOff" : heard ? "sign.heard" : "sign.quiet");
    const can = act && !act.reason ? t(`does.${act.key}`) : act ? t(act.reason) : "";
    setLabel(this.quick, admits ? can : [state, can].filter(Boolean).join(" · "));
    this.quick.setAttribute("aria-disabled", String(!act || act.reason !== ""));
    const said = this.desk.acts.of(`participant:${this.#participant.id}`);
    this.quick.setAttribute("aria-busy", String(said?.state === "sent"));
  }

  #quick() {
    const act = quickAct(this.#room, this.#participant);
    if (act && !act.reason) this.desk.perform(act, this.#participant);
  }
}

export class People {
  #showsGone = false;
  #room = null;

  /** `desk`: {acts, perform(act, participant), menuOf(participant, anchor)}. */
  constructor(desk) {
    this.desk = desk;
    this.roll = h("div", { class: "roll", role: "status", hidden: true });
    this.sections = SECTIONS.map((name) => this.#section(name));
    this.element = h("div", { class: "people" }, this.roll, this.sections.map((one) => one.element));
  }

  update(room) {
    this.#room = room;
    const lists = { waiting: room.waiting, hands: room.hands, present: room.present, gone: room.gone };
    for (const { name, title, list, element, rows } of this.sections) {
      const some = lists[name];
      element.hidden = some.length === 0;
      setText(title, t(`people.${name}`, { n: some.length }));
      const folded = name === "gone" && !this.#showsGone;
      if (name === "gone") title.setAttribute("aria-expanded", String(!folded));
      rows.hidden = folded;
      list.show(folded ? [] : some.map((participant) => ({ participant, room })));
    }
    this.#renderRoll(room);
  }

  #renderRoll(room) {
    const roll = rollOf(room);
    this.roll.hidden = !roll;
    if (!roll) return;
    const names = roll.missing.map((one) => one.name).join(t("list.comma"));
    const here = roll.answered.length;
    const values = { time: timeOfDay(roll.at / 1000), here, all: here + roll.missing.length };
    const head = t(roll.open ? "roll.open" : "roll.closed", values);
    const rest = names ? t("roll.missing", { names }) : t("roll.all");
    setText(this.roll, `${head} ${rest}`);
  }

  #section(name) {
    const folds = name === "gone";
    const title = h(folds ? "button" : "h3", { class: "section-title", ...(folds ? { type: "button" } : {}) });
    if (folds) {
      title.addEventListener("click", () => {
        this.#showsGone = !this.#showsGone;
        this.update(this.#room);
      });
    }
    const rows = h("ul");
    const element = h("section", { data: { section: name } }, title, rows);
    const list = new List(rows, () => new Row(this.desk), ({ participant }) => participant.id);
    return { name, title, rows, element, list };
  }
}
