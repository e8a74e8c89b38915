// What somebody does to a replay, by pressing or by keys; each leaves the address where it is now.

import { t } from "../i18n.js";
import { setText } from "../dom.js";
import { addressOf } from "./address.js";
import { SPEEDS } from "./clock.js";
import { atOf, speaks } from "./events.js";
import { neighbour } from "./stepping.js";

const S = 1e6;
const SAID_MS = 3000;
/** Before what is gone to, so that it is seen to happen. */
const BEFORE_US = S;

export class Driving {
  #stepping = false;
  #quiet = 0;

  /** `page`: {id, player, tiles, events, strip, said (an element), draw()}; nothing is asked before it is open. */
  constructor(page) {
    this.page = page;
    /** UTC that the address says. */
    this.keptUs = 0;
  }

  get #player() {
    return this.page.player;
  }

  go(us) {
    this.#player.seek(us);
    this.keep();
    this.page.draw();
  }

  play() {
    const player = this.#player;
    if (player.clock.playing) player.pause();
    else player.play();
    this.keep();
  }

  jump(seconds) {
    this.go(this.#player.us + seconds * S);
  }

  /** One picture on or back, of the tile that is looked at. */
  async step(way) {
    const track = this.page.tiles.current;
    if (!track || this.#stepping) return;
    const player = this.#player;
    player.pause();
    this.#stepping = true;
    try {
      const us = await neighbour(track, way);
      if (us !== null && this.#player === player) this.go(us);
    } finally {
      this.#stepping = false;
    }
  }

  event(way, picks) {
    const { us } = this.#player;
    const { events } = this.page;
    const entry = way > 0 ? events.after(us + BEFORE_US, picks) : events.before(us, picks);
    if (entry) this.go(atOf(entry) - BEFORE_US);
    else this.#say("replay.event.none");
  }

  /** To where somebody begins to speak, or who was given the word where turns were not kept yet. */
  speaker(way) {
    const { turns } = this.page.events;
    if (turns.list.length === 0) {
      this.event(way, speaks);
      return;
    }
    const { us } = this.#player;
    const turn = way > 0 ? turns.after(us + BEFORE_US) : turns.before(us);
    if (turn) this.go(turn.fromUs - BEFORE_US);
    else this.#say("replay.event.none");
  }

  speed(speed) {
    this.#player.setSpeed(speed);
    this.keep();
  }

  faster(way) {
    const index = SPEEDS.findIndex((speed) => speed >= this.#player.clock.speed) + way;
    this.speed(SPEEDS[Math.min(Math.max(index, 0), SPEEDS.length - 1)]);
  }

  sound(sound) {
    this.#player.setSound(sound);
    this.keep();
  }

  /** Hear one alone, or all again. */
  solo(source) {
    this.sound(this.#player.sound === source ? "all" : source);
  }

  zoom(way) {
    this.page.strip.zoom(way);
  }

  live() {
    this.go(this.#player.clock.toUs);
  }

  export() {
    this.page.exports.show();
  }

  async copy() {
    this.keep();
    const { origin, pathname } = location;
    try {
      await navigator.clipboard.writeText(`${origin}${pathname}${this.#address()}`);
      this.#say("replay.copied");
    } catch {
      // Without HTTPS or permission: it stands above, in the address.
      this.#say("replay.copied.not");
    }
  }

  /** The address says where I am, for a reload and for whoever copies it. */
  keep() {
    if (!this.page.isOpen) return;
    this.keptUs = this.#player.us;
    history.replaceState(null, "", this.#address());
  }

  #address() {
    const { us, sound, clock } = this.#player;
    return addressOf(this.page.id, { us, sound, big: this.page.tiles.big, speed: clock.speed });
  }

  #say(key) {
    clearTimeout(this.#quiet);
    setText(this.page.said, t(key));
    this.#quiet = setTimeout(() => setText(this.page.said, ""), SAID_MS);
  }
}

/** Keys of the page, by their names in keyboard.js. */
export function keysOf(page) {
  const { driving } = page;
  const ready = (act) => (...given) => (page.isOpen ? act(...given) : false);
  const here = () => document.activeElement?.closest?.(".replay .tile")?.dataset.id ?? "";
  const onTile = (act) => ready(() => (here() ? act(here()) : false));
  return {
    move: ready((columns, rows) => driving.jump(columns * 5 - rows * 60)),
    enlarge: onTile((source) => page.tiles.enlarge(source)),
    mute: onTile((source) => driving.solo(source)),
    muteAll: ready(() => driving.sound(page.player.sound === "" ? "all" : "")),
    play: ready(() => driving.play()),
    pause: ready(() => driving.play()),
    step: ready((way) => driving.step(way)),
    event: ready((way) => driving.event(way)),
    speaker: ready((way) => driving.speaker(way)),
    speed: ready((way) => driving.faster(way)),
  };
}
