// What is pressed under the pictures: play, jump, step, speed, sound, and the time of day to go to.

import { beginsUs } from "../overview/create.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setAria, setIcon, setLabel, setText } from "../dom.js";
import { t } from "../i18n.js";
import { SPEEDS } from "./clock.js";

const ZONE_MS = 8 * 3600 * 1000;

/** The `datetime-local` value of a UTC, to the second. Pure. */
export function localOf(us) {
  return new Date(us / 1000 + ZONE_MS).toISOString().slice(0, 19);
}

export class Controls {
  #sources = "";

  /**
   * `acts`: {play, jump(seconds), step(way), event(way), speaker(way), speed(value), sound(value), go(us), copy,
   * zoom(way), live, export}.
   */
  constructor(acts) {
    this.acts = acts;
    this.labelled = [];
    const button = (name, picture, act) => {
      const made = h("button", { class: ["button", "bare"], type: "button", on: { click: act }, data: { act: name } });
      made.append(picture ? icon(picture) : h("span", { class: "numbers" }));
      this.labelled.push([name, made]);
      return made;
    };
    this.back = button("back", "", () => acts.jump(-10));
    this.on = button("on", "", () => acts.jump(10));
    setText(this.back.firstChild, "−10");
    setText(this.on.firstChild, "+10");
    this.play = button("play", "play", () => acts.play());
    this.play.classList.replace("bare", "main");
    const moves = h(
      "div", { class: "replay-moves", role: "group" },
      button("speakerBefore", "speaker", () => acts.speaker(-1)),
      button("eventBefore", "previous", () => acts.event(-1)), this.back,
      button("frameBack", "frame-back", () => acts.step(-1)), this.play,
      button("frameOn", "frame-on", () => acts.step(1)), this.on,
      button("eventAfter", "next", () => acts.event(1)), button("speaker", "speaker", () => acts.speaker(1)),
    );
    this.time = h("span", { class: ["replay-time", "numbers"] });
    this.date = h("span", { class: ["soft", "numbers"] });
    this.state = h("span", { class: "replay-state", role: "status" });
    this.input = h("input", { type: "datetime-local", step: "1", class: "numbers" });
    this.goWords = h("button", { class: "button" });
    this.form = h("form", { class: "replay-go" }, this.input, this.goWords);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const us = beginsUs(this.input.value);
      if (us) acts.go(us);
      this.input.blur();
    });
    this.speed = h("select", {}, SPEEDS.map((value) => h("option", { value: String(value) }, `${value}×`)));
    this.speed.addEventListener("change", () => acts.speed(Number(this.speed.value)));
    this.sound = h("select");
    this.sound.addEventListener("change", () => acts.sound(this.sound.value));
    this.speedWords = h("span", { class: "soft" });
    this.soundWords = h("span", { class: "soft" });
    this.live = h("button", { class: "button", type: "button", on: { click: () => acts.live() } });
    this.exportWords = h("span");
    this.export = h("button", { class: ["button"], type: "button", on: { click: () => acts.export() } });
    this.export.append(icon("download"), this.exportWords);
    this.chosen = h(
      "div", { class: "replay-chosen" }, this.form,
      h("label", {}, this.speedWords, this.speed), h("label", {}, this.soundWords, this.sound),
      button("farther", "reduce", () => acts.zoom(-1)), button("closer", "enlarge", () => acts.zoom(1)),
      button("copy", "link", () => acts.copy()), this.export,
    );
    // On a phone there is room for the rest only when it is asked for.
    this.more = button("more", "more", () => this.#toggle());
    this.more.classList.add("replay-more");
    moves.append(this.more);
    const clock = h("div", { class: "replay-clock" }, this.time, this.date, this.live, this.state);
    this.element = h("div", { class: "replay-controls" }, clock, moves, this.chosen);
  }

  #toggle() {
    const isOpen = this.element.classList.toggle("open");
    setAria(this.more, { expanded: isOpen });
  }

  /** `view`: {us, fromUs, toUs, playing, waits, error, speed, sound, sources: [{id, name}], live, mayExport}. */
  render(view) {
    for (const [name, made] of this.labelled) setLabel(made, t(`replay.${name}`));
    setLabel(this.play, t(view.playing ? "replay.pause" : "replay.play"));
    setIcon(this.play.firstElementChild, view.playing ? "pause" : "play");
    setText(this.time, `${timeOfDay(view.us / 1000)}.${Math.floor((view.us % 1e6) / 1e5)}`);
    setText(this.date, `${dateOf(view.us / 1000)} ${t("top.zone")}`);
    const trouble = view.error ? t("replay.trouble", { code: view.error }) : "";
    setText(this.state, trouble || (view.waits ? t("replay.waits") : ""));
    setText(this.goWords, t("replay.go"));
    setAria(this.input, { label: t("replay.time") });
    this.input.title = t("replay.time");
    if (document.activeElement !== this.input) {
      set(this.input, { min: localOf(view.fromUs), max: localOf(view.toUs), value: localOf(view.us) });
    }
    setText(this.speedWords, t("replay.speed"));
    set(this.speed, { value: String(view.speed), title: t("replay.speed.why") });
    setText(this.soundWords, t("replay.sound"));
    this.#renderSound(view);
    set(this.live, { hidden: !view.live });
    setText(this.live, t("replay.live.go"));
    set(this.export, { hidden: !view.mayExport });
    setText(this.exportWords, t("export.open"));
  }

  #renderSound({ sources, sound }) {
    const whole = [["all", t("replay.sound.all")], ["", t("replay.sound.none")]];
    const all = [...whole, ...sources.map(({ id, name }) => [id, name])];
    const key = JSON.stringify(all);
    if (key !== this.#sources) {
      this.#sources = key;
      this.sound.replaceChildren(...all.map(([value, words]) => h("option", { value }, words)));
    }
    set(this.sound, { value: sound });
  }
}
