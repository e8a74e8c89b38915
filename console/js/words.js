// Figures as short words in the current language. Unknown is a dash, never a zero.

import { t } from "./i18n.js";

const NONE = "–";

export function bitrate(bitsPerSecond) {
  if (bitsPerSecond === null || bitsPerSecond === undefined) return NONE;
  if (bitsPerSecond < 1e6) return `${Math.round(bitsPerSecond / 1e3)} kb/s`;
  return `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
}

export function percent(fraction) {
  return fraction === null || fraction === undefined ? NONE : `${(fraction * 100).toFixed(1)} %`;
}

export function milliseconds(ms) {
  return ms === null || ms === undefined ? NONE : t("unit.ms", { n: Math.round(ms) });
}

export function frameRate(framesPerSecond) {
  return framesPerSecond === null ? NONE : t("unit.fps", { n: Math.round(framesPerSecond) });
}

export function size(figures) {
  return figures.width ? `${figures.width}×${figures.height}` : NONE;
}

/** Which of its layers a picture comes in, "" where there is no choice. */
export function layer({ carried }) {
  return carried?.layers > 1 ? t("figure.layer", { n: carried.layer + 1, of: carried.layers }) : "";
}

/** That the link has a picture with fewer frames than there are; "" when it has them all. */
export function slowed({ carried }) {
  return carried?.slowed ? t("figure.slowed") : "";
}

/** `12 分 30 秒` / `12 min 30 s`. */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (h) return t("duration.hours", { h, m });
  return m ? t("duration.minutes", { m, s }) : t("duration.seconds", { s });
}
