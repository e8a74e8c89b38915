// Where the pictures stand on the stage, as boxes in pixels. Pure.

export const LAYOUTS = ["grid", "speaker", "chosen"];
const SHAPE = 16 / 9;
const GAP = 8;
/** The strip of small pictures beside or below the large ones. */
const STRIP = 0.2;
const STRIP_LEAST = 96;
const STRIP_MOST = 184;
/** A stage narrower than this, and not wider than tall, is a phone's: more pictures than so many stand in pairs. */
const NARROW = 600;
const NARROW_MOST = 3;
/** Smaller than this a picture tells nothing: the stage scrolls instead. */
const LEAST = 96;
/** Below each picture is a line that says whose it is; it is lower where there is little room, higher for fingers. */
const TINY = 200;
const LINE = { tiny: 24, full: 30 };
const LINE_TOUCH = { tiny: 28, full: 36 };

/** Which seats are large and which small: {large, small}, lists of keys. `last`: who spoke last. */
export function arrange(seats, { layout, spotlight, last, chosen }) {
  const keys = (want) => seats.filter(want).map((seat) => seat.key);
  const lit = keys((seat) => spotlight.includes(seat.participant.id));
  let large = lit;
  if (layout === "chosen") large = keys((seat) => chosen.has(seat.key));
  else if (layout === "speaker" && lit.length === 0) {
    const spoke = keys((seat) => seat.participant.id === last);
    large = spoke.length > 0 ? spoke.slice(0, 1) : keys((_, index) => index === 0);
  }
  if (large.length === 0 || large.length === seats.length) return { large: seats.map((seat) => seat.key), small: [] };
  return { large, small: seats.map((seat) => seat.key).filter((key) => !large.includes(key)) };
}

function lineOf(wide, touch) {
  const lines = touch ? LINE_TOUCH : LINE;
  return wide < TINY ? lines.tiny : lines.full;
}

/** A box of this width: the picture and its line, {wide, tall, line}. */
function boxOf(wide, touch) {
  const line = lineOf(wide, touch);
  return { wide, tall: Math.floor(wide / SHAPE) + line, line };
}

/** The largest box within `width` x `height`. */
function within(width, height, touch) {
  const most = (line) => Math.floor(Math.min(width, (height - line) * SHAPE));
  const { full, tiny } = touch ? LINE_TOUCH : LINE;
  const wide = most(full) < TINY ? Math.min(TINY - 1, most(tiny)) : most(full);
  return boxOf(Math.max(0, wide), touch);
}

/** Columns and size of `count` equal boxes that fill `width` x `height` best; what is too small for that, scrolls. */
export function fit(count, width, height, touch = false) {
  let best = { columns: 1, ...boxOf(0, touch) };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const room = [(width - GAP * (columns - 1)) / columns, (height - GAP * (rows - 1)) / rows];
    const found = within(...room, touch);
    if (found.wide > best.wide) best = { columns, ...found };
  }
  if (best.wide >= LEAST) return best;
  const columns = Math.max(1, Math.floor((width + GAP) / (LEAST + GAP)));
  return { columns, ...boxOf(Math.floor((width - GAP * (columns - 1)) / columns), touch) };
}

/** Rows of `columns` equal boxes from `top`, the last row in the middle. */
function rows(keys, { columns, wide, tall, line }, { left, top, width }, boxes) {
  keys.forEach((key, index) => {
    const row = Math.floor(index / columns);
    const inRow = Math.min(columns, keys.length - row * columns);
    const first = left + Math.max(0, (width - inRow * wide - (inRow - 1) * GAP) / 2);
    const at = { left: first + (index % columns) * (wide + GAP), top: top + row * (tall + GAP) };
    boxes.set(key, { left: Math.round(at.left), top: Math.round(at.top), width: wide, height: tall, line });
  });
}

const heightOf = (count, { columns, tall }) => Math.ceil(count / columns) * (tall + GAP);

function block(keys, { left, top, width, height, touch }, boxes) {
  const size = fit(keys.length, width, height, touch);
  const rest = height - heightOf(keys.length, size) + GAP;
  rows(keys, size, { left, top: top + Math.max(0, rest / 2), width }, boxes);
}

/** A phone's stage: some across the whole of it, below them the others in pairs; it scrolls to what has no room. */
function pairs({ large, small }, width, height, touch, boxes) {
  const whole = { columns: 1, ...boxOf(width, touch) };
  const half = { columns: 2, ...boxOf(Math.floor((width - GAP) / 2), touch) };
  const all = [...large, ...small];
  const tall = (across) => heightOf(across, whole) + heightOf(all.length - across, half) - GAP;
  let across = small.length > 0 && large.length <= NARROW_MOST ? large.length : 0;
  if (small.length === 0) while (across < all.length - 1 && tall(across + 1) <= height) across += 1;
  const top = Math.max(0, (height - tall(across)) / 2);
  rows(all.slice(0, across), whole, { left: 0, top, width }, boxes);
  rows(all.slice(across), half, { left: 0, top: top + heightOf(across, whole), width }, boxes);
  for (const key of small) boxes.get(key).small = true;
}

/** Boxes of the small ones in a line at `from`, one after another; the stage scrolls to those outside. */
function strip(keys, { left, top, size, along }, boxes) {
  const { wide, tall, line } = size;
  keys.forEach((key, index) => {
    const step = index * ((along === "right" ? wide : tall) + GAP);
    const box = along === "right" ? { left: left + step, top } : { left, top: top + step };
    boxes.set(key, { ...box, width: wide, height: tall, line, small: true });
  });
}

/**
 * Boxes for {large, small} on a stage of `width` x `height`: key -> {left, top, width, height, line, small}, where
 * `line` of the height is below the picture. `touch`: for fingers.
 */
export function boxesOf({ large, small }, width, height, touch = false) {
  const boxes = new Map();
  if (width <= 0 || height <= 0) return boxes;
  const narrow = width < NARROW && width <= height;
  if (narrow && (small.length > 0 || large.length > NARROW_MOST)) {
    pairs({ large, small }, width, height, touch, boxes);
    return boxes;
  }
  if (small.length === 0) {
    block(large, { left: 0, top: 0, width, height, touch }, boxes);
    return boxes;
  }
  const bounded = (size) => Math.round(Math.max(STRIP_LEAST, Math.min(STRIP_MOST, size)));
  if (width > height * 1.2) {
    const size = boxOf(bounded(width * STRIP), touch);
    block(large, { left: 0, top: 0, width: width - size.wide - GAP, height, touch }, boxes);
    strip(small, { left: width - size.wide, top: 0, size, along: "down" }, boxes);
    return boxes;
  }
  const size = within(width, bounded(height * STRIP * 0.75) + lineOf(0, touch), touch);
  block(large, { left: 0, top: 0, width, height: height - size.tall - GAP, touch }, boxes);
  strip(small, { left: 0, top: height - size.tall, size, along: "right" }, boxes);
  return boxes;
}
