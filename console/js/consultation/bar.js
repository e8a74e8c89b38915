// Above the stage: which consultation this is, how it is shown, and what the chair does with all of it.

import { h, icon, set, setIcon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { unitNameOf } from "../names.js";
import { openMenu } from "../menu.js";
import { addressOf } from "../replay/address.js";
import { duration } from "../words.js";
import { LAYOUTS } from "./boxes.js";

const labelOf = (name, on) => t(on ? `chair.${name}.on` : `chair.${name}`);

export class Bar {
  #room = null;

  /** `desk`: {acts, question, now(), stage, announce(), run(name, params)}. */
  constructor(desk) {
    this.desk = desk;
    this.tag = h("span", { class: "tag" });
    this.unit = h("span", { class: "bar-unit" });
    this.locked = h("span", { class: "sign" }, icon("lock"), h("span"));
    this.recorded = h("a", { class: ["sign", "recorded", "numbers"], hidden: true }, icon("record"), h("span"));
    this.count = h("span", { class: "numbers" });
    this.long = h("span", { class: ["soft", "numbers", "bar-long"] });
    this.layouts = LAYOUTS.map((layout) => {
      const act = () => desk.stage.setLayout(layout);
      const looks = { class: ["button", "bare"], type: "button", on: { click: act } };
      const made = h("button", looks, icon(layout));
      return { layout, button: made };
    });
    const group = h("div", { class: "layouts", role: "group" }, this.layouts.map((one) => one.button));
    this.group = group;
    this.does = ["muteAll", "roll", "record", "rest", "lock", "announce", "end"].map((name) => this.#act(name));
    this.chair = h("div", { class: "chair-acts", role: "group" }, this.does.map((one) => one.button));
    this.menu = h("button", { class: ["button", "chair-menu"], type: "button" }, icon("chair"), h("span"));
    this.menu.setAttribute("aria-haspopup", "menu");
    this.menu.addEventListener("click", () => this.#openMenu());
    const told = [this.tag, this.unit, this.recorded, this.locked, this.count, this.long];
    const what = h("div", { class: "bar-what" }, told);
    this.element = h("header", { class: "bar" }, what, group, this.chair, this.menu);
  }

  update(room) {
    this.#room = room;
    const { consultation, short } = room;
    const level = short?.level ?? consultation.level ?? "";
    this.tag.hidden = !level;
    if (level) setText(this.tag, t(`tag.${level}`));
    this.tag.dataset.level = level;
    setText(this.unit, unitNameOf(short ?? consultation));
    this.recorded.hidden = !consultation.recording;
    this.element.classList.toggle("is-recorded", Boolean(consultation.recording));
    this.recorded.classList.toggle("rests", Boolean(consultation.recording?.paused_us));
    this.#renderReplay(room);
    this.locked.hidden = !consultation.locked;
    setText(this.locked.lastElementChild, t("card.locked"));
    setText(this.count, t("card.present", { n: room.present.length }));
    this.group.setAttribute("aria-label", t("layout.label"));
    this.chair.setAttribute("aria-label", t("chair.label"));
    this.renderLayouts();
    setText(this.menu.lastElementChild, t("chair.short"));
    this.chair.hidden = this.menu.hidden = !room.isChair;
    for (const one of this.does) this.#renderAct(one);
    this.renderTime();
  }

  /** The sign leads to what was recorded so far, for who may see it. */
  #renderReplay({ consultation, short }) {
    const { recording, may = short?.may ?? [] } = consultation;
    const leads = Boolean(recording) && may.includes("replay");
    if (leads) this.recorded.setAttribute("href", addressOf(recording.id));
    else this.recorded.removeAttribute("href");
    set(this.recorded, { title: leads ? t("replay.open.why") : "" });
  }

  renderLayouts() {
    for (const { layout, button } of this.layouts) {
      setLabel(button, t(`layout.${layout}`));
      button.setAttribute("aria-pressed", String(this.desk.stage.layout === layout));
    }
  }

  renderTime() {
    if (!this.#room) return;
    const { started_us: started, recording } = this.#room.consultation;
    setText(this.long, started ? duration(this.desk.now() - started / 1000) : "");
    if (!recording) return;
    const { begun_us: begun, paused_us: paused } = recording;
    const since = this.desk.now() - (paused || begun) / 1000;
    const { trouble } = recording;
    this.recorded.classList.toggle("troubled", trouble !== "");
    const words = trouble ? `record.trouble.${trouble}` : paused ? "record.rests" : "record.runs";
    setText(this.recorded.lastElementChild, t(words, { time: duration(since) }));
    this.recorded.title = trouble ? t("record.trouble.why") : "";
  }

  #isOn(name) {
    const { consultation } = this.#room;
    if (name === "lock") return consultation.locked;
    if (name === "record") return Boolean(consultation.recording);
    if (name === "rest") return Boolean(consultation.recording?.paused_us);
    if (name === "roll") return Boolean(consultation.roll && !consultation.roll.closed_us);
    return name === "announce" && consultation.announcement !== "";
  }

  #renderAct({ name, button }) {
    const on = this.#isOn(name);
    setText(button.lastElementChild, labelOf(name, on));
    if (name === "rest") {
      button.hidden = !this.#isOn("record");
      setIcon(button.firstElementChild, on ? "play" : "pause");
    }
    if (name === "lock") setIcon(button.firstElementChild, on ? "unlock" : "lock");
    button.classList.toggle("on", on);
    button.title = t(`chair.${name}.why`);
    const sent = this.desk.acts.of(`consultation:${this.#room.consultation.id}`)?.state === "sent";
    button.setAttribute("aria-busy", String(sent));
  }

  #act(name) {
    const pictures = {
      muteAll: "mic-off", roll: "roll", record: "record", rest: "pause", lock: "lock", announce: "announce",
      end: "stop",
    };
    const looks = ["button", name === "end" && "danger"];
    const button = h("button", { class: looks, type: "button", on: { click: () => this.#do(name) } });
    button.append(icon(pictures[name]), h("span"));
    return { name, picture: pictures[name], button };
  }

  async #do(name) {
    const { id, recording, title } = this.#room.consultation;
    const on = this.#isOn(name);
    const base = { consultation: id };
    const run = (act, params) => this.desk.acts.run(`consultation:${id}`, act, { ...base, ...params });
    if (name === "muteAll") await run("consultation.mute-all", {});
    else if (name === "roll") await run("consultation.roll", { open: !on });
    else if (name === "record") await this.#record(id, recording);
    else if (name === "rest") await run("recording.pause", { recording: recording.id, paused: !on });
    else if (name === "lock") await run("consultation.lock", { locked: !on });
    else if (name === "announce") this.desk.announce();
    else if (await this.desk.question.ask("end", { title })) await run("consultation.end", {});
  }

  #record(id, recording) {
    const about = `consultation:${id}`;
    if (recording) return this.desk.acts.run(about, "recording.end", { recording: recording.id });
    return this.desk.acts.run(about, "recording.begin", { of: about });
  }

  /** Where there is no room for buttons side by side. */
  #openMenu() {
    const shown = this.does.filter(({ button }) => !button.hidden);
    const items = shown.map(({ name, picture }) => {
      const label = labelOf(name, this.#isOn(name));
      return { label, icon: picture, danger: name === "end", act: () => this.#do(name) };
    });
    openMenu(this.menu, items, { title: t("chair.label") });
  }
}
