// My microphone, camera and screen: opened, published over the page's connection, and let go. No elements here.

import { CaptureError, onGone, openCamera, openScreen, openTestPicture, openTestSound, stopSource } from "./capture.js";
import { encodingsOf } from "./encodings.js";

export const PARTS = ["microphone", "camera", "screen"];
export const TEST = "test";
export const NONE = "none";
const KEEP = "huishang.devices";

/** What was chosen last: {camera, microphone}; "" is the usual one of its kind. */
export function chosenDevices() {
  try {
    return { camera: "", microphone: "", ...JSON.parse(localStorage.getItem(KEEP)) };
  } catch {
    return { camera: "", microphone: "" };
  }
}

export function keepDevices(chosen) {
  localStorage.setItem(KEEP, JSON.stringify(chosen));
}

/** Open one part by what was chosen. Throws CaptureError. */
function openPart(part, chosen, name, now) {
  if (part === "screen") return openScreen();
  if (chosen.camera === TEST) return part === "camera" ? openTestPicture(name, now) : openTestSound();
  const microphone = chosen.microphone === NONE ? "" : chosen.microphone;
  return part === "camera" ? openCamera(chosen.camera, null) : openCamera(null, microphone);
}

export class Own {
  #held = {};
  #turns = {};

  /** `prefix`: PERSON.DEVICE, which this page's sources are called by; `name()`: what others read; `changed()`. */
  constructor({ media, prefix, name, now, changed }) {
    this.media = media;
    this.prefix = prefix;
    this.name = name;
    this.now = now;
    this.changed = changed;
    /** part -> {state: "off", "opening" or "on", error: CaptureError or null}. */
    this.parts = Object.fromEntries(PARTS.map((part) => [part, { state: "off", error: null }]));
    this.since = 0;
  }

  /** Ids of the sources that are published now. */
  get sources() {
    const camera = this.isOn("camera") || this.isOn("microphone") ? [this.prefix] : [];
    return this.isOn("screen") ? [...camera, `${this.prefix}.screen`] : camera;
  }

  isOn(part) {
    return this.parts[part].state === "on";
  }

  /** The picture of the camera or screen as it is sent, for myself; null when it is off. */
  streamOf(part) {
    return this.#held[part]?.source.stream ?? null;
  }

  /** What became of publishing a part: the line's state, "" when it is off. */
  lineState(part) {
    return this.#held[part]?.line.state ?? "";
  }

  /** Switch a part on or off; of several calls the last one counts. */
  async turn(part, on) {
    const turn = (this.#turns[part] ?? 0) + 1;
    this.#turns[part] = turn;
    if (!on) {
      this.#drop(part);
      this.#say(part, "off");
      return;
    }
    if (this.#held[part]) return;
    this.#say(part, "opening");
    try {
      const source = await openPart(part, chosenDevices(), this.name, this.now);
      if (turn === this.#turns[part]) this.#publish(part, source);
      else stopSource(source);
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      // Who closes the browser's choice of screens has not met an error.
      if (turn === this.#turns[part]) this.#say(part, "off", error.code === "screen-none" ? null : error);
    }
  }

  /** Other devices were chosen: what is on goes over to them. */
  async reopen() {
    for (const part of ["microphone", "camera"]) {
      if (!this.isOn(part)) continue;
      this.#drop(part);
      await this.turn(part, true);
    }
  }

  /** True for the id of a source of this page, published now or not. */
  isMine(source) {
    return source === this.prefix || source === `${this.prefix}.screen`;
  }

  /** Everything off. */
  stop() {
    for (const part of PARTS) if (this.parts[part].state !== "off") this.turn(part, false);
  }

  /** The person has read what was wrong. */
  forgive(part) {
    if (this.parts[part].error) this.#say(part, this.parts[part].state);
  }

  #publish(part, source) {
    const [track] = source.stream.getTracks();
    if (track.kind === "video") track.contentHint = part === "screen" ? "detail" : "motion";
    const id = part === "screen" ? `${this.prefix}.screen` : this.prefix;
    // What is shared is read: sharp, or not at all.
    const encodings = part === "camera" ? encodingsOf(track.getSettings()) : null;
    const line = this.media.publish(id, this.name(), track, encodings, () => this.changed());
    this.#held[part] = { source, line };
    onGone(source, (error) => {
      this.#drop(part);
      // Sharing a screen is also ended in the browser's own bar.
      this.#say(part, "off", part === "screen" ? null : error);
    });
    this.since ||= this.now();
    this.#say(part, "on");
  }

  #drop(part) {
    const held = this.#held[part];
    if (!held) return;
    delete this.#held[part];
    this.media.withdraw(held.line);
    stopSource(held.source);
  }

  #say(part, state, error = null) {
    this.parts[part] = { state, error };
    if (this.sources.length === 0) this.since = 0;
    this.changed();
  }
}
