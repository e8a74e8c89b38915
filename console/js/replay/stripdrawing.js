// How the strip of time looks: a lane for each source, what is there and what is not, who speaks, what happened above,
// the position across.

import { timeOfDay } from "../clock.js";
import { atOf, sortOf } from "./events.js";

export const EVENTS_PX = 18;
export const AXIS_PX = 20;
/** Distances of the marks of the axis, in seconds. */
const STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400];
const MARK_PX = 90;
const COLOURS = {
  ground: "--surface", edge: "--edge", there: "--accent", gap: "--degraded", ink: "--ink", soft: "--ink-soft",
  come: "--live", go: "--gone", word: "--accent", spoke: "--live", chair: "--degraded", recording: "--danger",
  other: "--ink-soft",
};

export class Drawing {
  size = { width: 0, height: 0 };
  colours = null;
  #theme = "";
  #shown = null;
  #range = null;

  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  /** The pixel of a time. */
  x(us) {
    const { fromUs, toUs } = this.#range;
    return ((us - fromUs) / Math.max(1, toUs - fromUs)) * this.size.width;
  }

  /** Draw `shown`, as strip.js has it, of which `range` ({fromUs, toUs}) is in view. */
  draw(shown, range) {
    this.#shown = shown;
    this.#range = range;
    this.#measure();
    const { context } = this;
    const { width, height } = this.size;
    const colours = this.colours;
    context.fillStyle = colours.ground;
    context.fillRect(0, 0, width, height);
    const { lanes } = this.#shown;
    const tall = (height - EVENTS_PX - AXIS_PX) / Math.max(1, lanes.length);
    for (const [index, lane] of lanes.entries()) this.#drawLane(lane, EVENTS_PX + index * tall, tall);
    this.#drawAxis(height - AXIS_PX);
    this.#drawEvents();
    const x = Math.round(this.x(this.#shown.us));
    context.fillStyle = colours.ink;
    context.fillRect(x - 1, 0, 2, height - AXIS_PX + 4);
  }

  #drawLane(lane, top, tall) {
    const { context } = this;
    const colours = this.colours;
    const high = Math.max(3, Math.min(12, tall - 4));
    const y = Math.round(top + (tall - high) / 2);
    const box = (t0, t1, colour, at, thick) => {
      const [left, right] = [this.x(t0), this.x(t1)];
      if (right < 0 || left > this.size.width) return;
      context.fillStyle = colour;
      context.fillRect(left, at, Math.max(1, right - left), thick);
    };
    // What is known of the whole track, then what is known exactly.
    box(lane.t0, lane.t1, colours.edge, y + Math.floor(high / 2), 1);
    for (const { course, isPicture } of lane.courses) {
      const [at, thick] = isPicture ? [y, Math.ceil(high * 0.6)] : [y + Math.ceil(high * 0.7), Math.ceil(high * 0.3)];
      context.globalAlpha = isPicture ? 0.75 : 0.45;
      for (const [t0, t1] of course.spans()) box(t0, t1, colours.there, at, thick);
      context.globalAlpha = 1;
      for (const { t0, t1 } of course.gaps()) if (t1 - t0 > 200_000) this.#hatch(t0, t1, at, thick);
    }
    // Who speaks is a bar of its own, stronger and on both: seen without its colour too.
    const [at, thick] = [y + Math.ceil(high * 0.35), Math.ceil(high * 0.65)];
    for (const { fromUs, toUs } of lane.turns) box(fromUs, toUs, colours.spoke, at, thick);
  }

  /** What is missing is hatched: it is seen without its colour too. */
  #hatch(t0, t1, at, thick) {
    const { context } = this;
    const right = Math.min(this.size.width, this.x(t1));
    const left = Math.max(0, this.x(t0));
    context.fillStyle = this.colours.ground;
    context.fillRect(left, at, Math.max(1, right - left), thick);
    context.fillStyle = this.colours.gap;
    for (let x = left; x < right; x += 5) context.fillRect(x, at, Math.min(2, right - x), thick);
  }

  #drawEvents() {
    const { context } = this;
    for (const entry of this.#shown.events) {
      const x = Math.round(this.x(atOf(entry)));
      if (x < 0 || x > this.size.width) continue;
      const sort = sortOf(entry);
      context.fillStyle = this.colours[sort];
      // By shape as well as by colour: up who came, down who went, a bar for the rest.
      context.beginPath();
      if (sort === "come") this.#triangle(x, EVENTS_PX - 4, -8);
      else if (sort === "go") this.#triangle(x, EVENTS_PX - 12, 8);
      else context.rect(x - 1, sort === "word" ? 2 : 6, sort === "word" ? 4 : 2, sort === "word" ? 12 : 8);
      context.fill();
    }
  }

  #triangle(x, y, high) {
    this.context.moveTo(x - 4, y);
    this.context.lineTo(x + 4, y);
    this.context.lineTo(x, y + high);
  }

  #drawAxis(top) {
    const { context } = this;
    const { fromUs, toUs } = this.#range;
    const perMark = ((toUs - fromUs) / 1e6 / Math.max(1, this.size.width)) * MARK_PX;
    const step = STEPS_S.find((one) => one >= perMark) ?? STEPS_S.at(-1);
    context.font = `12px ${this.colours.font}`;
    context.textBaseline = "middle";
    for (let s = Math.ceil(fromUs / 1e6 / step) * step; s * 1e6 < toUs; s += step) {
      const x = Math.round(this.x(s * 1e6));
      context.fillStyle = this.colours.edge;
      context.fillRect(x, EVENTS_PX, 1, top - EVENTS_PX + 4);
      context.fillStyle = this.colours.soft;
      context.fillText(step >= 60 ? timeOfDay(s * 1000).slice(0, 5) : timeOfDay(s * 1000), x + 3, top + AXIS_PX / 2);
    }
  }

  #measure() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const scale = devicePixelRatio;
    if (width !== this.size.width || height !== this.size.height) {
      this.size = { width, height };
      Object.assign(this.canvas, { width: width * scale, height: height * scale });
    }
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    const { theme } = document.documentElement.dataset;
    if (this.colours && theme === this.#theme) return;
    this.#theme = theme;
    const style = getComputedStyle(document.documentElement);
    this.colours = { font: style.getPropertyValue("--font") };
    for (const [name, property] of Object.entries(COLOURS)) {
      this.colours[name] = style.getPropertyValue(property).trim();
    }
  }
}
