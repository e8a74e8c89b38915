// The page on which a recording is looked at again: pictures in step, the strip of time, what happened.

import { Names } from "../admin/called.js";
import { Doors } from "../admin/doors.js";
import { sentenceOf } from "../admin/sentence.js";
import { ApiError } from "../api.js";
import { timeOfDay } from "../clock.js";
import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { refusalWords } from "../said.js";
import { addressOf, momentOf } from "./address.js";
import { SPEEDS } from "./clock.js";
import { Controls } from "./controls.js";
import { ReplayDoors } from "./doors.js";
import { atOf, Events, speaks } from "./events.js";
import { Happened } from "./happened.js";
import { Player } from "./player.js";
import { neighbour } from "./stepping.js";
import { Strip } from "./strip.js";
import { Tiles } from "./tiles.js";

const DRAW_MS = 100;
const EVENTS_MS = 5000;
const SAID_MS = 3000;

export class ReplayPage {
  framed = false;
  side = null;
  #id = "";
  #drawn = 0;
  #learnt = 0;
  #stepping = false;
  #player = null;
  #error = "";

  /** `desk`: {account, link, now()}. */
  constructor(desk) {
    this.desk = desk;
    this.names = new Names(new Doors(desk));
    this.names.listen(() => this.render());
    this.what = h("h2");
    this.when = h("span", { class: ["soft", "numbers"] });
    this.live = h("span", { class: ["sign", "recorded"], hidden: true }, icon("record"), h("span"));
    this.said = h("span", { class: "note", role: "status" });
    this.blocked = h("button", { class: ["button", "main"], type: "button", hidden: true });
    this.blocked.addEventListener("click", () => this.#player?.setSound("all"));
    this.refusal = h("p", { class: "none" });
    this.again = h("button", { class: "button", type: "button", on: { click: () => this.#open() } });
    this.trouble = h("div", { class: "replay-trouble", hidden: true }, this.refusal, this.again);
    const head = h("header", { class: "replay-head" }, this.what, this.live, this.when, this.said, this.blocked);
    this.controls = new Controls(this.#acts());
    this.strip = new Strip({ seek: (us) => this.#seek(us) });
    this.pictures = h("div", { class: "replay-pictures" });
    this.beside = h("div", { class: "replay-beside" });
    const main = h("div", { class: "replay-main" }, this.pictures, this.strip.element, this.controls.element);
    this.inside = h("div", { class: "replay-inside" }, main, this.beside);
    this.element = h("div", { class: "replay" }, head, this.trouble, this.inside);
    this.keys = this.#keys();
  }

  /** Show what an address says: `id` of the recording, `values` as address.js reads them. */
  enter({ id, values = {} }) {
    const moment = momentOf(values);
    if (id !== this.#id) {
      this.leave();
      this.#id = id;
      this.#open(moment);
      return;
    }
    if (this.#player && moment.us && Math.abs(moment.us - this.#player.us) > 1000) this.#player.seek(moment.us);
  }

  leave() {
    this.#id = "";
    this.#player?.close();
    this.#player = null;
    this.tiles?.clear();
    this.pictures.replaceChildren();
    this.beside.replaceChildren();
  }

  title() {
    return this.#player?.index.recording?.title || t("replay.title");
  }

  back() {
    if (!this.tiles?.big) return false;
    this.tiles.enlarge(this.tiles.big);
    return true;
  }

  async #open(moment = momentOf({})) {
    const id = this.#id;
    this.leave();
    this.#id = id;
    const doors = new ReplayDoors(this.desk.account, id);
    const player = new Player({
      doors, utc: () => this.desk.now(), changed: () => this.#turned(), made: (track) => this.tiles.add(track),
    });
    this.tiles = new Tiles({
      seen: player.seen,
      solo: (source) => this.#sound(player.sound === source ? "all" : source),
      turned: () => this.#keep(),
    });
    this.events = new Events({ doors, changed: () => this.render() });
    this.happened = new Happened({ events: this.events, names: this.names, go: (us) => this.#seek(us) });
    this.pictures.replaceChildren(this.tiles.element);
    this.beside.replaceChildren(this.happened.element);
    this.#error = "";
    this.#player = player;
    this.render();
    try {
      await player.open(moment.us);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.#player !== player) return;
      this.#error = error.code;
      this.render();
      return;
    }
    // Gone from this page, or to another recording, meanwhile.
    if (this.#player !== player) {
      player.close();
      return;
    }
    player.setSound(moment.sound);
    player.setSpeed(moment.speed);
    if (moment.big) this.tiles.enlarge(moment.big);
    player.index.survey();
    this.#learnEvents();
    this.render();
  }

  #learnEvents() {
    const { fromUs, toUs } = this.#player.index;
    this.#learnt = performance.now();
    this.events.learn(fromUs, toUs + 60e6);
  }

  #turned() {
    const now = performance.now();
    if (now - this.#drawn < DRAW_MS) return;
    this.#drawn = now;
    if (this.#player.index.live && now - this.#learnt > EVENTS_MS) this.#learnEvents();
    this.#draw();
  }

  render() {
    if (!this.#id) return;
    setText(this.what, this.title());
    set(this.trouble, { hidden: this.#error === "" });
    if (this.#error) setText(this.refusal, t("replay.cannot", { why: refusalWords(this.#error) }));
    setText(this.again, t("replay.retry"));
    setText(this.blocked, t("stage.blocked"));
    this.inside.hidden = this.#error !== "";
    this.#draw();
  }

  #draw() {
    const player = this.#player;
    if (!player?.index.recording) return;
    const { us, clock, index } = player;
    const { fromUs, toUs } = clock;
    set(this.live, { hidden: !index.live });
    setText(this.live.lastElementChild, t("replay.live"));
    setText(this.when, `${timeOfDay(fromUs / 1000)} – ${index.live ? "" : timeOfDay(toUs / 1000)}`);
    set(this.blocked, { hidden: !player.blocked });
    this.tiles.render({ us, live: index.live, sound: player.sound });
    const { sources } = this.tiles;
    const about = (tile) => ({ id: tile.source, name: tile.track.about.name || t("replay.nameless") });
    const heard = player.tracks.filter((track) => !track.isPicture).map(({ about: { source } }) => source);
    this.controls.render({
      us, fromUs, toUs, playing: clock.playing, waits: player.waits && clock.playing, error: index.error,
      speed: clock.speed, sound: player.sound, sources: sources.map(about).filter(({ id }) => heard.includes(id)),
      live: index.live,
    });
    const lane = (tile) => {
      const tracks = player.tracks.filter((track) => track.about.source === tile.source);
      const courses = tracks.map(({ course, isPicture }) => ({ course, isPicture }));
      const t0 = Math.min(...tracks.map((track) => track.about.t0_us));
      const t1 = Math.max(...tracks.map((track) => track.about.t1_us));
      return { name: about(tile).name, courses, t0, t1 };
    };
    const wordsOf = (entry) => sentenceOf(entry, this.names);
    this.strip.render({ us, fromUs, toUs, lanes: sources.map(lane), events: this.events.list, wordsOf });
    this.happened.render(us);
  }

  #seek(us) {
    this.#player.seek(us);
    this.#keep();
    this.#draw();
  }

  #sound(sound) {
    this.#player.setSound(sound);
    this.#keep();
  }

  #address() {
    const { us, sound, clock } = this.#player;
    return addressOf(this.#id, { us, sound, big: this.tiles.big, speed: clock.speed });
  }

  /** The address says where I am, for a reload and for whoever copies it. */
  #keep() {
    if (this.#player?.index.recording) history.replaceState(null, "", this.#address());
  }

  async #copy() {
    this.#keep();
    const { origin, pathname } = location;
    try {
      await navigator.clipboard.writeText(`${origin}${pathname}${this.#address()}`);
      setText(this.said, t("replay.copied"));
    } catch {
      // Without HTTPS or permission: it stands above, in the address.
      setText(this.said, t("replay.copied.not"));
    }
    setTimeout(() => setText(this.said, ""), SAID_MS);
  }

  async #step(way) {
    const track = this.tiles.current;
    if (!track || this.#stepping) return;
    this.#player.pause();
    this.#stepping = true;
    try {
      const us = await neighbour(track, way);
      if (us !== null && this.#player) this.#seek(us);
    } finally {
      this.#stepping = false;
    }
  }

  #toEvent(way, picks) {
    const { us } = this.#player;
    // A moment before it, so that it is seen to happen; and from there on it is not the next one again.
    const before = 1_000_000;
    const entry = way > 0 ? this.events.after(us + before, picks) : this.events.before(us, picks);
    if (entry) this.#seek(atOf(entry) - before);
    else setText(this.said, t("replay.event.none"));
    if (!entry) setTimeout(() => setText(this.said, ""), SAID_MS);
  }

  #togglePlay() {
    const player = this.#player;
    if (player.clock.playing) player.pause();
    else player.play();
    this.#keep();
  }

  #toSpeed(way) {
    const { clock } = this.#player;
    const index = SPEEDS.findIndex((speed) => speed >= clock.speed) + way;
    this.#setSpeed(SPEEDS[Math.min(Math.max(index, 0), SPEEDS.length - 1)]);
  }

  #setSpeed(speed) {
    this.#player.setSpeed(speed);
    this.#keep();
  }

  #acts() {
    return {
      play: () => this.#togglePlay(),
      jump: (seconds) => this.#seek(this.#player.us + seconds * 1e6),
      step: (way) => this.#step(way),
      event: (way) => this.#toEvent(way),
      speaker: () => this.#toEvent(1, speaks),
      speed: (speed) => this.#setSpeed(speed),
      sound: (sound) => this.#sound(sound),
      go: (us) => this.#seek(us),
      copy: () => this.#copy(),
      zoom: (way) => this.strip.zoom(way),
      live: () => this.#seek(this.#player.clock.toUs),
    };
  }

  #keys() {
    const ready = (act) => (...given) => (this.#player?.index.recording ? act(...given) : false);
    const here = () => document.activeElement?.closest?.(".tile")?.dataset.id ?? "";
    return {
      move: ready((columns, rows) => this.#seek(this.#player.us + (columns * 5 - rows * 60) * 1e6)),
      enlarge: ready(() => (here() ? this.tiles.enlarge(here()) : false)),
      mute: ready(() => (here() ? this.#sound(this.#player.sound === here() ? "all" : here()) : false)),
      muteAll: ready(() => this.#sound(this.#player.sound === "" ? "all" : "")),
      pause: ready(() => this.#togglePlay()),
      step: ready((way) => this.#step(way)),
      event: ready((way) => this.#toEvent(way)),
      speaker: ready(() => this.#toEvent(1, speaks)),
      speed: ready((way) => this.#toSpeed(way)),
    };
  }
}
