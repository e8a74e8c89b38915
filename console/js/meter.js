// The picture of a source that has none: its loudness over the last seconds.

const BARS = 64;
const FLOOR_DB = -60;

/** Height 0-1 for a loudness 0-1 on a decibel scale, because ears are on one. Pure. */
export function heightOf(loudness) {
  if (loudness <= 0) return 0;
  return Math.min(1, Math.max(0, 1 - (20 * Math.log10(loudness)) / FLOOR_DB));
}

export class Meter {
  #levels = new Array(BARS).fill(0);

  constructor(canvas) {
    this.canvas = canvas;
    this.pen = canvas.getContext("2d");
    canvas.width = 640;
    canvas.height = 360;
  }

  /** Add one loudness (0-1) and draw; about ten times a second. */
  push(loudness) {
    this.#levels.push(heightOf(loudness));
    this.#levels.shift();
    const { pen, canvas } = this;
    const step = canvas.width / BARS;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    this.#levels.forEach((level, index) => {
      const tall = 4 + level * canvas.height * 0.5;
      pen.fillStyle = level > 0.05 ? "#4fd08a" : "#3b4651";
      pen.globalAlpha = 0.35 + 0.65 * (index / BARS);
      pen.fillRect(index * step + 2, (canvas.height - tall) / 2 - 20, step - 4, tall);
    });
  }
}
