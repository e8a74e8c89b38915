// Beside the picture in full view: everything measured, in words and as curves over the last two minutes.

import { dateOf, timeOfDay } from "./clock.js";
import { h, icon, polyline, set, setAria, setLabel, setText } from "./dom.js";
import { t } from "./i18n.js";
import { isAudioOnly, nameOf, unitNameOf } from "./names.js";
import * as words from "./words.js";

const WIDTH = 120;
const HEIGHT = 40;

/** Points of a curve of `values` (null breaks to zero) with `top` at the upper edge, newest at the right. Pure. */
export function curvePoints(values, top) {
  return values
    .map((value, index) => {
      const x = WIDTH - values.length + index + 1;
      const y = HEIGHT - 2 - (Math.min(value ?? 0, top) / top) * (HEIGHT - 4);
      return `${x},${y.toFixed(1)}`;
    })
    .join(" ");
}

export class Detail {
  #rows = new Map();
  #curves = {};

  /** `close()` leaves the full view. */
  constructor(close) {
    this.title = h("h2");
    this.shut = h("button", { class: ["button", "bare"], type: "button", on: { click: close } }, icon("close"));
    this.list = h("dl", { class: "numbers" });
    const curves = ["bitsPerSecond", "loss", "delayMs"].map((name) => this.#curve(name));
    const head = h("div", { class: "detail-head" }, this.title, this.shut);
    this.element = h("aside", { class: "detail", hidden: true }, head, this.list, ...curves);
  }

  show(tile, now) {
    set(this.element, { hidden: !tile });
    if (!tile) return;
    const { source, viewer } = tile;
    const found = viewer.figures;
    setLabel(this.shut, t("tile.reduce"));
    setAria(this.element, { label: t("detail.label") });
    setText(this.title, nameOf(source));
    this.#row("id", source.id);
    this.#row("state", t(`source.${source.state}`));
    this.#row("since", this.#since(source, now));
    this.#row("unit", unitNameOf(source) || "–");
    this.#row("codec", [found?.videoCodec, found?.audioCodec].filter(Boolean).join(" + ") || "–");
    const seen = !isAudioOnly(source);
    this.#row("size", found ? words.size(found) : "–", seen);
    this.#row("layer", (found && words.layer(found)) || "–", seen);
    const rate = found && [words.frameRate(found.framesPerSecond), words.slowed(found)].filter(Boolean).join(" · ");
    this.#row("rate", rate || "–", seen);
    this.#row("capture", tile.captureText() ?? "–");
    this.#row("trip", words.milliseconds(found?.tripMs));
    this.#row("jitter", words.milliseconds(found?.jitterMs));
    this.#row("buffer", words.milliseconds(found?.bufferMs));
    this.#draw("bitsPerSecond", viewer.history, 1e5, words.bitrate);
    this.#draw("loss", viewer.history, 0.05, words.percent);
    this.#draw("delayMs", viewer.history, 500, words.milliseconds);
  }

  #since(source, now) {
    const since = source.since_us / 1000;
    if (!since) return "–";
    const day = dateOf(since) === dateOf(now) ? "" : `${dateOf(since)} `;
    return `${day}${timeOfDay(since)} (${words.duration(now - since)})`;
  }

  #row(name, value, shown = true) {
    let row = this.#rows.get(name);
    if (!row) {
      row = { term: h("dt"), value: h("dd") };
      this.#rows.set(name, row);
      this.list.append(row.term, row.value);
    }
    for (const part of [row.term, row.value]) set(part, { hidden: !shown });
    setText(row.term, t(`detail.${name}`));
    setText(row.value, value);
  }

  #curve(name) {
    const { picture, draw } = polyline(WIDTH, HEIGHT);
    const title = h("span");
    const value = h("span", { class: "numbers" });
    this.#curves[name] = { title, value, draw };
    return h("div", { class: "curve" }, h("div", { class: "line" }, title, value), picture);
  }

  #draw(name, history, least, say) {
    const values = history.map((entry) => entry[name]);
    const highest = Math.max(0, ...values.map((value) => value ?? 0));
    const curve = this.#curves[name];
    setText(curve.title, t(`detail.curve.${name}`));
    setText(curve.value, t("detail.curve.now", { now: say(values.at(-1)), top: say(highest) }));
    curve.draw(curvePoints(values, Math.max(least, highest * 1.1)));
  }
}
