// The page on which a recording is looked at again: pictures in step, the strip of time, what happened.

import { Names } from "../admin/called.js";
import { Doors } from "../admin/doors.js";
import { sentenceOf } from "../admin/sentence.js";
import { ApiError } from "../api.js";
import { dateOf, timeOfDay } from "../clock.js";
import { h, icon, set, setText } from "../dom.js";
import { t } from "../i18n.js";
import { refusalWords } from "../said.js";
import { duration } from "../words.js";
import { momentOf } from "./address.js";
import { Controls } from "./controls.js";
import { ReplayDoors } from "./doors.js";
import { Driving, keysOf } from "./driving.js";
import { Events } from "./events.js";
import { ExportDialog } from "./exporting.js";
import { Happened } from "./happened.js";
import { Player } from "./player.js";
import { RecordingsList } from "./recordings.js";
import { Shelf } from "./shelf.js";
import { Strip } from "./strip.js";
import { Tiles } from "./tiles.js";

const DRAW_MS = 100;
const EVENTS_MS = 5000;

/** From when to when a recording goes, and how long that is. */
function whenOf(fromUs, toUs, isLive) {
  const begin = `${dateOf(fromUs / 1000)} ${timeOfDay(fromUs / 1000)}`;
  const end = isLive ? "" : ` – ${timeOfDay(toUs / 1000)}`;
  return `${begin}${end} · ${duration(Math.round((toUs - fromUs) / 1e6) * 1000)}`;
}

export class ReplayPage {
  framed = false;
  side = null;
  id = "";
  #drawn = 0;
  #learnt = 0;
  #states = "";
  player = null;
  #error = "";
  shelf = null;

  /** `desk`: {account, link, now()}. */
  constructor(desk) {
    this.desk = desk;
    const doors = new Doors(desk);
    this.names = new Names(doors);
    this.names.listen(() => this.render());
    this.list = new RecordingsList({ doors, names: this.names, now: desk.now, link: desk.link });
    this.toList = h("a", { class: ["button", "bare"], href: "#/recordings" }, icon("arrow"), h("span"));
    this.when = h("span", { class: ["soft", "numbers"] });
    this.live = h("span", { class: ["sign", "recorded"], hidden: true }, icon("record"), h("span"));
    this.said = h("span", { class: "note", role: "status" });
    this.blocked = h("button", { class: ["button", "main"], type: "button", hidden: true });
    this.blocked.addEventListener("click", () => this.driving.sound("all"));
    this.refusal = h("p", { class: "none" });
    this.again = h("button", { class: "button", type: "button", on: { click: () => this.#open() } });
    this.trouble = h("div", { class: "replay-trouble", hidden: true }, this.refusal, this.again);
    const head = h("header", { class: "replay-head" }, this.toList, this.live, this.when, this.said, this.blocked);
    this.driving = new Driving(this);
    this.controls = new Controls(this.driving);
    this.strip = new Strip({ seek: (us) => this.driving.go(us), pictures: this.#pictures() });
    this.tiles = new Tiles({
      see: (track, isSeen) => this.player?.see(track, isSeen),
      solo: (source) => this.driving.solo(source),
      turned: () => this.driving.keep(),
      nameOf: (about) => this.#nameOf(about),
    });
    this.exports = new ExportDialog({
      account: desk.account, player: () => this.player, visible: () => this.strip.visible,
      nameOf: (about) => this.#nameOf(about), whoOf: (person) => this.#whoOf(person),
    });
    this.pictures = h("div", { class: "replay-pictures" }, this.tiles.element);
    this.beside = h("div", { class: "replay-beside" });
    const parts = [this.pictures, this.strip.element, this.controls.element, this.beside];
    this.inside = h("div", { class: "replay-inside" }, parts);
    this.one = h("div", { class: "replay-one" }, head, this.trouble, this.inside);
    // Pressed by the pointer, a button gives the keys back: the space bar plays.
    this.one.addEventListener("click", ({ detail, target }) => detail > 0 && target.closest("button")?.blur());
    this.element = h("div", { class: "replay" }, this.list.element, this.one);
    this.keys = keysOf(this);
  }

  /** Show what an address says: `id` of the recording, "" for what there is; `values` as address.js reads them. */
  enter({ id, values = {} }) {
    this.list.element.hidden = id !== "";
    this.one.hidden = id === "";
    if (!id) {
      this.leave();
      this.list.ask();
      return;
    }
    const moment = momentOf(values);
    if (id !== this.id) {
      this.leave();
      this.id = id;
      this.#open(moment);
      return;
    }
    // What this page wrote there itself is long past when somebody looks again.
    if (this.isOpen && moment.us && moment.us !== this.driving.keptUs) this.driving.go(moment.us);
  }

  leave() {
    this.id = "";
    this.exports.close();
    this.shelf?.close();
    this.shelf = null;
    this.player?.close();
    this.player = null;
    this.tiles.clear();
    this.beside.replaceChildren();
  }

  title() {
    return this.player?.index.recording?.title || t(this.id ? "replay.title" : "recordings.title");
  }

  back() {
    if (!this.tiles.big) return false;
    this.tiles.enlarge(this.tiles.big);
    return true;
  }

  /** Something is replayed. */
  get isOpen() {
    return Boolean(this.player?.index.recording);
  }

  async #open(moment = momentOf({})) {
    const id = this.id;
    this.leave();
    this.id = id;
    const doors = new ReplayDoors(this.desk.account, id);
    const player = new Player({
      doors, utc: () => this.desk.now(), changed: () => this.#turned(), made: (track) => this.tiles.add(track),
    });
    this.shelf = new Shelf({
      fetch: (track, us, signal) => doors.still(player.index.memberAt(track, us), us, signal),
      isFree: (patient) => !player.waits && (!patient || player.loader.isIdle),
      changed: () => this.draw(),
    });
    this.events = new Events({ doors, changed: () => this.render() });
    this.happened = new Happened({ events: this.events, names: this.names, go: (us) => this.driving.go(us) });
    this.beside.replaceChildren(this.happened.element);
    this.#error = "";
    this.player = player;
    this.render();
    try {
      await player.open(moment.us);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.player !== player) return;
      this.#error = error.code;
      this.render();
      return;
    }
    // Gone from this page, or to another recording, meanwhile.
    if (this.player !== player) {
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

  /** Small pictures of the tile that is looked at, for the strip. */
  #pictures() {
    const track = () => this.tiles.current;
    return {
      get: (us) => this.shelf?.get(track().about.track, us) ?? null,
      want: (times) => this.shelf?.want(track() ? times.map((time) => ({ ...time, track: track().about.track })) : []),
      spans: () => track()?.course.spans() ?? null,
    };
  }

  /** What it was called then; else whose it is. */
  #nameOf({ name, person, unit }) {
    const target = person ? `person:${person}` : `unit:${unit}`;
    if (name || !(person || unit)) return name || t("replay.nameless");
    this.names.want([target]);
    return this.names.of(target);
  }

  /** Somebody else's name. */
  #whoOf(person) {
    if (person === this.desk.account.person?.id) return "";
    this.names.want([`person:${person}`]);
    return this.names.of(`person:${person}`);
  }

  #learnEvents() {
    if (!this.player) return;
    const { fromUs, toUs } = this.player.index;
    this.#learnt = performance.now();
    this.events.learn(fromUs, toUs + 60e6);
  }

  #turned() {
    if (!this.player) return; // a last turn of one that was left
    const now = performance.now();
    if (now - this.#drawn < DRAW_MS) {
      this.#uncover();
      return;
    }
    this.#drawn = now;
    if (this.player.index.live && now - this.#learnt > EVENTS_MS) this.#learnEvents();
    this.draw();
  }

  /** A picture that is there is not covered until the next drawing. */
  #uncover() {
    if (!this.isOpen) return;
    const states = this.player.tracks.map(({ state }) => state).join();
    if (states !== this.#states) this.#renderTiles();
    this.#states = states;
  }

  #renderTiles() {
    const { us, index, sound } = this.player;
    const { turns } = this.events;
    this.tiles.render({ us, live: index.live, sound, speaks: (source) => turns.isOn(source, us) });
  }

  render() {
    if (!this.id) {
      this.list.render();
      return;
    }
    setText(this.toList.lastElementChild, t("recordings.title"));
    set(this.trouble, { hidden: this.#error === "" });
    if (this.#error) setText(this.refusal, t("replay.cannot", { why: refusalWords(this.#error) }));
    setText(this.again, t("replay.retry"));
    setText(this.blocked, t("stage.blocked"));
    this.inside.hidden = this.#error !== "";
    if (this.exports.isOpen) this.exports.render();
    this.draw(true);
  }

  draw(afresh = false) {
    const player = this.player;
    if (!this.isOpen) return;
    const { us, clock, index } = player;
    const { fromUs, toUs } = clock;
    set(this.live, { hidden: !index.live });
    setText(this.live.lastElementChild, t("replay.live"));
    setText(this.when, whenOf(fromUs, toUs, index.live));
    set(this.blocked, { hidden: !player.blocked });
    this.#renderTiles();
    const { turns } = this.events;
    const { sources } = this.tiles;
    const about = (tile) => ({ id: tile.source, name: this.#nameOf(tile.track.about) });
    const heard = player.tracks.filter((track) => !track.isPicture).map(({ about: { source } }) => source);
    this.controls.render({
      us, fromUs, toUs, playing: clock.playing, waits: player.waits && clock.playing, error: index.error,
      speed: clock.speed, sound: player.sound, sources: sources.map(about).filter(({ id }) => heard.includes(id)),
      live: index.live, mayExport: index.rights.has("export"),
    });
    const lane = (tile) => {
      const tracks = player.tracks.filter((track) => track.about.source === tile.source);
      const courses = tracks.map(({ course, isPicture }) => ({ course, isPicture }));
      const t0 = Math.min(...tracks.map((track) => track.about.t0_us));
      const t1 = Math.max(...tracks.map((track) => track.about.t1_us));
      const speaks = turns.isOn(tile.source, us);
      return { name: about(tile).name, courses, t0, t1, turns: turns.of(tile.source), speaks };
    };
    const wordsOf = (entry) => sentenceOf(entry, this.names);
    const { live } = index;
    this.strip.render({ us, fromUs, toUs, live, lanes: sources.map(lane), events: this.events.list, wordsOf });
    this.happened.render(us, afresh);
  }
}
