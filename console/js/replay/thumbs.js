// Along the strip of time, small pictures of the tile that is looked at: where something changes is seen before it is
// gone to.

import { h, set } from "../dom.js";

const LEAST_PX = 72;
const MOST = 16;
/** Pointed at within so many pixels, it is the same picture. */
const SAME_PX = 6;

/** The span of `spans` ([from, to] in order) that holds or is next to `us` within `fromUs` to `toUs`, as a time. */
function thereOf(us, fromUs, toUs, spans) {
  const near = spans.filter(([t0, t1]) => t1 > fromUs && t0 < toUs);
  const times = near.map(([t0, t1]) => Math.min(Math.max(us, t0, fromUs), t1 - 1, toUs));
  return times.sort((a, b) => Math.abs(a - us) - Math.abs(b - us))[0] ?? null;
}

/**
 * The places of a row: [{fromUs, toUs, us}], `us` of the picture or null. Shown is `fromUs` to `toUs` on `width`
 * pixels; places count from `originUs`, so that they stay when the view moves, and, while it grows (`live`), are of
 * lengths that stay. Pure.
 */
export function placesOf({ fromUs, toUs, originUs, endUs, width, live, spans }) {
  const count = Math.min(MOST, Math.max(1, Math.floor(width / LEAST_PX)));
  const evenUs = Math.max(1, toUs - fromUs) / count;
  const stepUs = live ? 1e6 * 2 ** Math.ceil(Math.log2(evenUs / 1e6)) : evenUs;
  const places = [];
  const first = Math.floor((fromUs - originUs) / stepUs + 1e-6);
  for (let place = first; originUs + place * stepUs < toUs - 1; place += 1) {
    const begin = originUs + place * stepUs;
    const end = Math.min(begin + stepUs, endUs);
    const us = thereOf(Math.round((begin + end) / 2), Math.round(begin), Math.round(end), spans);
    places.push({ fromUs: begin, toUs: begin + stepUs, us });
  }
  return places;
}

/** The time whose picture is shown for `us`, where a pixel is `perPxUs`; null where there is none. Pure. */
export function pointedOf(us, perPxUs, originUs, spans) {
  const stepUs = Math.max(1e6, Math.round(perPxUs * SAME_PX));
  const begin = originUs + Math.floor((us - originUs) / stepUs) * stepUs;
  const here = spans.find(([t0, t1]) => t0 <= us && us < t1);
  return here ? Math.max(begin, here[0]) : null;
}

export class Thumbs {
  #drawn = "";
  #places = [];

  constructor() {
    this.canvas = h("canvas", { class: "strip-thumbs", "aria-hidden": "true" });
    this.context = this.canvas.getContext("2d");
  }

  /** Whether there is room for a row. */
  get isShown() {
    return this.canvas.clientHeight > 0;
  }

  /** What the row wants of the shelf, from the left; none where it is not seen. */
  get wanted() {
    return this.#places.map(({ us }) => us).filter((us) => us !== null);
  }

  /** `view`: as `placesOf`; `pictureOf(us)` gives a bitmap or null; `x(us)` the pixel of a time. */
  draw(view, pictureOf, x, ground) {
    this.#places = this.isShown ? placesOf(view) : [];
    if (!this.isShown) return;
    const scale = devicePixelRatio;
    const { clientWidth: width, clientHeight: height } = this.canvas;
    const pictures = this.#places.map(({ us }) => (us === null ? null : pictureOf(us)));
    const seen = pictures.map(Boolean);
    const key = JSON.stringify([width, height, scale, ground, view.fromUs, view.toUs, this.wanted, seen]);
    if (key === this.#drawn) return;
    this.#drawn = key;
    set(this.canvas, { width: Math.round(width * scale), height: Math.round(height * scale) });
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
    this.context.fillStyle = ground;
    this.context.fillRect(0, 0, width, height);
    for (const [index, { fromUs, toUs }] of this.#places.entries()) {
      if (pictures[index]) this.#drawOne(pictures[index], x(fromUs) + 1, x(toUs) - 1, height);
    }
  }

  /** As much of a picture as its place has room for, from the middle. */
  #drawOne(picture, left, right, height) {
    const width = Math.max(1, right - left);
    const scale = Math.max(width / picture.width, height / picture.height);
    const [w, tall] = [width / scale, height / scale];
    const [sx, sy] = [(picture.width - w) / 2, (picture.height - tall) / 2];
    this.context.drawImage(picture, sx, sy, w, tall, left, 0, width, height);
  }
}
