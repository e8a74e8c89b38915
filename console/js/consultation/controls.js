// What I do myself in a consultation: microphone, camera, screen, hand, devices, leaving.

import { Note } from "../acts.js";
import { h, icon, set, setAria, setIcon, setText } from "../dom.js";
import { has, t } from "../i18n.js";
import { openMenu } from "../menu.js";
import { PARTS } from "../own.js";

const ICONS = {
  microphone: ["mic-off", "mic"], camera: ["camera-off", "camera"], screen: ["screen", "screen"],
  hand: ["hand", "hand"], devices: ["devices", "devices"], leave: ["leave", "leave"],
};
/** On a phone these are under the thumb, the others behind one more press. */
const THUMB = ["microphone", "camera", "leave"];

export class Controls {
  #room = null;

  /** `desk`: {own, acts, turn(part, on), devices(), leave(), link()}. */
  constructor(desk) {
    this.desk = desk;
    this.buttons = Object.keys(ICONS).map((name) => this.#button(name, "control"));
    this.thumb = THUMB.map((name) => this.#button(name, "thumb-act"));
    this.more = h("button", { class: ["button", "thumb-act"], type: "button" }, icon("more"), h("span"));
    this.more.setAttribute("aria-haspopup", "menu");
    this.more.addEventListener("click", () => this.#openMore());
    this.troubleWords = h("span");
    this.again = h("button", { class: "button", type: "button", on: { click: () => this.#again() } });
    const shut = { class: ["button", "bare"], type: "button", on: { click: () => this.#forgive() } };
    this.shut = h("button", shut, icon("close"));
    this.trouble = h("div", { class: ["trouble", "own-trouble"], role: "alert", hidden: true });
    this.trouble.append(icon("alert"), this.troubleWords, this.again, this.shut);
    this.note = new Note();
    const row = h("div", { class: "controls-row" }, this.buttons.map((one) => one.button));
    this.element = h("footer", { class: "controls" }, this.trouble, row, this.note.element);
  }

  get thumbs() {
    return [...this.thumb.map((one) => one.button), this.more];
  }

  update(room) {
    this.#room = room;
    this.render();
  }

  render() {
    for (const one of [...this.buttons, ...this.thumb]) this.#renderButton(one);
    setText(this.more.lastElementChild, t("control.more"));
    const wrong = PARTS.find((part) => this.desk.own.parts[part].error);
    set(this.trouble, { hidden: !wrong });
    if (wrong) {
      const { code } = this.desk.own.parts[wrong].error;
      setText(this.troubleWords, has(`error.${code}`) ? t(`error.${code}`) : t("error.other"));
      setText(this.again, t("publish.retry"));
      this.shut.setAttribute("aria-label", t("dialog.close"));
    }
    this.note.render(this.desk.acts.of("own"));
  }

  /** Do what a button or its key does. */
  press(name) {
    const { own } = this.desk;
    if (PARTS.includes(name)) this.desk.turn(name, own.parts[name].state === "off");
    else if (name === "hand") this.#hand();
    else if (name === "devices") this.desk.devices();
    else this.desk.leave();
  }

  #hand() {
    if (!this.#room?.own) return;
    const { id } = this.#room.consultation;
    this.desk.acts.run("own", "participant.hand", { consultation: id, raised: !this.#room.own.hand_us });
  }

  #state(name) {
    if (PARTS.includes(name)) {
      const { state } = this.desk.own.parts[name];
      const own = this.#room?.own;
      const cut = (name === "microphone" && own?.sound_off) || (name === "camera" && own?.picture_off);
      return cut && state === "on" ? "cut" : state;
    }
    if (name === "hand") return this.#room?.own?.hand_us ? "on" : "off";
    return "off";
  }

  #renderButton({ name, button, words, short }) {
    const state = this.#state(name);
    set(button.dataset, { state });
    const isOff = state === "off";
    setIcon(button.firstElementChild, ICONS[name][isOff ? 0 : 1]);
    setText(words, t(`control.${name}.${PARTS.includes(name) || name === "hand" ? state : "off"}`));
    if (short) setText(short, t(`control.${name}.short`));
    set(button, { title: t(`control.${name}.why`) });
    if (name !== "leave" && name !== "devices") setAria(button, { pressed: state !== "off" });
    setAria(button, { busy: state === "opening" });
  }

  #button(name, look) {
    const words = h("span", { class: "words" });
    const looks = ["button", look, name];
    const button = h("button", { class: looks, type: "button", on: { click: () => this.press(name) } });
    button.append(icon(ICONS[name][0]), words);
    // Which of the two is seen is a matter of room; a screen reader always has the full one.
    const short = PARTS.includes(name) ? h("span", { class: "short" }) : null;
    if (short) {
      short.setAttribute("aria-hidden", "true");
      button.append(short);
    }
    return { name, button, words, short };
  }

  #openMore() {
    const items = ["hand", "screen", "devices"].map((name) => {
      const state = this.#state(name);
      const key = name === "devices" ? "off" : state;
      return { label: t(`control.${name}.${key}`), icon: ICONS[name][0], act: () => this.press(name) };
    });
    for (const one of this.desk.layoutItems()) items.push(one);
    openMenu(this.more, items, { title: t("control.more") });
  }

  #wrong() {
    return PARTS.find((part) => this.desk.own.parts[part].error);
  }

  #again() {
    const part = this.#wrong();
    if (part) this.desk.turn(part, true);
  }

  #forgive() {
    const part = this.#wrong();
    if (part) this.desk.own.forgive(part);
  }
}
