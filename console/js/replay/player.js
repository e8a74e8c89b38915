// All tracks of a recording in step: the master clock, and whoever follows it. Draws nothing.

import { MasterClock } from "./clock.js";
import { Index } from "./index.js";
import { Loader } from "./loader.js";
import { median } from "./sync.js";
import { Track } from "./track.js";

const S = 1e6;
const TICK_MS = 50;
/** Nobody waits longer for one track's pictures than this: the others go on. */
const PATIENCE_MS = 6000;
/** After a seek or a start, so long for all to have decoded; they have the bytes by then. */
const SETTLE_MS = 1500;
/** Elements take a moment to begin; the clock begins with them. */
const START_MS = 300;
const AHEAD_US = 20 * S;
const BEHIND_US = 5 * S;
/** So far behind now is looked at what is being recorded: it is in files by then (index.js). */
const LIVE_LAG_US = 10 * S;
const LEARN_MS = 3000;
/** Chromium plays no sound that is faster. */
const LOUDEST_SPEED = 4;

export class Player {
  #timer = 0;
  #settling = 0;
  #startedAt = 0;
  #waitingSince = 0;
  #learnt = 0;
  #tracks = new Map();
  #blocked = false;

  /** `doors`; `utc()`: the server's clock in ms; `changed()` at each tick; `made(track)` for each new track. */
  constructor({ doors, utc, changed, made }) {
    this.doors = doors;
    this.utc = utc;
    this.changed = changed;
    this.made = made;
    this.index = new Index({ doors, utc, changed: () => this.tick() });
    this.loader = new Loader((segment, signal) => doors.open(segment, signal));
    this.clock = new MasterClock(0, 0);
    /** "": nobody's sound; "all"; or the id of the source that is heard. */
    this.sound = "all";
    /** Ids of video tracks that are on the screen. */
    this.seen = new Set();
  }

  get tracks() {
    return [...this.#tracks.values()];
  }

  /** The browser lets nothing be heard until somebody presses something. */
  get blocked() {
    return this.#blocked;
  }

  get us() {
    return this.clock.at(performance.now());
  }

  /** Somebody is waited for. */
  get waits() {
    return this.clock.held;
  }

  /** Whether a video track, by its id, is on the screen. */
  see(track, isSeen) {
    if (isSeen) this.seen.add(track);
    else this.seen.delete(track);
    this.tick();
  }

  /** Learn what there is and stand at `us` (0: at the beginning); throws ApiError. */
  async open(us = 0) {
    await this.index.learn();
    this.#learnt = performance.now();
    const { fromUs } = this.index;
    this.clock = new MasterClock(fromUs, this.#endUs());
    this.#makeTracks();
    this.seek(us || fromUs);
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  close() {
    clearInterval(this.#timer);
    this.#timer = 0;
    for (const track of this.tracks) track.release();
  }

  play() {
    const now = performance.now();
    if (this.clock.isAtEnd(now) && !this.index.live) this.clock.seek(this.clock.fromUs, now);
    this.clock.play(now);
    this.#settle(now);
    this.tick();
  }

  pause() {
    this.clock.pause(performance.now());
    this.tick();
  }

  seek(us) {
    const now = performance.now();
    this.clock.seek(us, now);
    for (const track of this.tracks) track.leave();
    this.#settle(now);
    this.tick();
  }

  setSpeed(speed) {
    this.clock.setSpeed(speed, performance.now());
    this.tick();
  }

  setSound(sound) {
    this.sound = sound;
    this.#blocked = false;
    this.tick();
  }

  /** Look at everything once; the timer does, and whoever changed something. */
  tick() {
    if (this.tracks.length === 0) return;
    const now = performance.now();
    this.#grow(now);
    const us = this.clock.at(now);
    this.index.want(us - BEHIND_US, us + Math.max(AHEAD_US, this.clock.speed * 8 * S), now);
    for (const track of this.tracks) track.wanted = this.#isWanted(track);
    this.#hold(us, now);
    this.#begin(now);
    const { runs, speed } = this.clock;
    const known = this.index.knows(us);
    const first = this.#picturesFirst(us, now);
    for (const track of this.tracks) {
      track.follow(this.clock.at(now), { runs, speed, now, known, first });
      if (track.state === "hole") this.index.look(track.about.track, us, now);
    }
    if (this.clock.runs && this.clock.isAtEnd(now)) this.#stopAtEnd(now);
    this.changed();
  }

  /** After a seek nothing else is fetched, nor decoded, until every picture of the moment is there. */
  #picturesFirst(us, now) {
    if (this.#settling === 0 || now - this.#settling > SETTLE_MS) return false;
    const comes = (track) => this.#lacks(track, us) || track.state === "seeking";
    return this.tracks.some((track) => track.isPicture && track.wanted && comes(track));
  }

  /** Wait for those whose bytes are not there; while it settles, for those that have not decoded either. */
  #hold(us, now) {
    const missing = this.tracks.some((track) => track.wanted && this.#lacks(track, us));
    const isKnown = this.index.knows(us) || this.index.error !== "";
    const settles = this.#settling > 0 && now - this.#settling < SETTLE_MS;
    const seeking = settles && this.tracks.some((track) => track.wanted && track.state === "seeking");
    const held = !isKnown || missing || seeking;
    this.#waitingSince = held ? this.#waitingSince || now : 0;
    const patient = now - this.#waitingSince < PATIENCE_MS || !isKnown;
    if (!held) this.#settling = 0;
    const was = this.clock.runs;
    this.clock.hold(held && patient, now);
    if (this.clock.runs && !was) this.#startedAt = now;
  }

  #lacks(track, us) {
    return track.state === "loading" || (track.state === "rest" && track.course.at(us) !== null);
  }

  /** The clock begins when the elements have begun, those that are heard first. */
  #begin(now) {
    if (!this.#startedAt || !this.clock.runs) return;
    if (now - this.#startedAt < START_MS) return;
    this.#startedAt = 0;
    const us = this.clock.at(now);
    const drifts = (tracks) => tracks.map((track) => track.driftAt(us)).filter((drift) => drift !== null);
    const heard = drifts(this.tracks.filter((track) => !track.isPicture));
    const all = heard.length ? heard : drifts(this.tracks);
    const late = median(all);
    if (Math.abs(late) < 0.5 * this.clock.speed) this.clock.seek(us + Math.round(late * S), now);
  }

  #settle(now) {
    this.#settling = now;
    this.#waitingSince = 0;
    this.#startedAt = this.clock.runs ? now : 0;
  }

  #isWanted(track) {
    if (track.isPicture) return this.seen.has(track.about.track);
    const heard = this.sound === "all" || this.sound === track.about.source;
    track.element.muted = !heard;
    return heard && this.clock.speed <= LOUDEST_SPEED;
  }

  /** What is still being recorded. */
  #grow(now) {
    if (!this.index.live) return;
    this.clock.bound(this.index.fromUs, this.#endUs(), now);
    if (now - this.#learnt < LEARN_MS) return;
    this.#learnt = now;
    this.index.learn().then(
      () => {
        this.clock.bound(this.index.fromUs, this.#endUs(), performance.now());
        this.#makeTracks();
      },
      (error) => {
        this.index.error = error.code;
      },
    );
  }

  /** Nobody can be faster than what is being recorded. */
  #stopAtEnd(now) {
    if (!this.index.live) this.clock.pause(now);
    else if (this.clock.speed > 1) this.clock.setSpeed(1, now);
  }

  #endUs() {
    const { live, fromUs, toUs } = this.index;
    if (live) return Math.max(fromUs, Math.round(this.utc() * 1000) - LIVE_LAG_US);
    // At the very end nothing is shown any more.
    return Math.max(fromUs, toUs - 1000);
  }

  #makeTracks() {
    for (const about of this.index.tracks) {
      const known = this.#tracks.get(about.track);
      if (known) {
        known.about = about;
        continue;
      }
      const element = document.createElement(about.kind === "video" ? "video" : "audio");
      Object.assign(element, { muted: about.kind === "video", playsInline: true, preload: "auto" });
      const { loader } = this;
      const course = this.index.course(about.track);
      const track = new Track(about, { course, loader, baseUs: this.index.fromUs, element });
      track.blocked = () => this.#block();
      track.grown = () => this.tick();
      this.#tracks.set(about.track, track);
      this.made(track);
    }
  }

  #block() {
    if (this.#blocked) return;
    this.#blocked = true;
    this.sound = "";
    this.changed();
  }
}
