// Where the pictures stand on the stage, as boxes in pixels. Pure.

export const LAYOUTS = ["grid", "speaker", "chosen"];
const SHAPE = 16 / 9;
const GAP = 8;
/** The strip of small pictures beside or below the large ones. */
const STRIP = 0.2;
const STRIP_LEAST = 96;
const STRIP_MOST = 184;
/** On a stage narrower than this, more than so many pictures stand in two columns, and it scrolls. */
const NARROW = 600;
const NARROW_MOST = 4;

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

/** Columns and size of `count` equal boxes that fill `width` x `height` best. */
export function fit(count, width, height) {
  let best = { columns: 1, wide: 0, tall: 0 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const roomWide = (width - GAP * (columns - 1)) / columns;
    const roomTall = (height - GAP * (rows - 1)) / rows;
    const wide = Math.floor(Math.min(roomWide, roomTall * SHAPE));
    if (wide > best.wide) best = { columns, wide, tall: Math.floor(wide / SHAPE) };
  }
  return best;
}

/** As `fit`, for a stage that scrolls: two columns as wide as there is room. */
function fitWidth(width) {
  const wide = Math.floor((width - GAP) / 2);
  return { columns: 2, wide, tall: Math.floor(wide / SHAPE) };
}

function block(keys, { left, top, width, height, scrolls = false }, boxes) {
  const { columns, wide, tall } = scrolls ? fitWidth(width) : fit(keys.length, width, height);
  const rows = Math.ceil(keys.length / columns);
  const firstTop = top + Math.max(0, (height - rows * tall - (rows - 1) * GAP) / 2);
  keys.forEach((key, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? keys.length - row * columns : columns;
    const firstLeft = left + Math.max(0, (width - inRow * wide - (inRow - 1) * GAP) / 2);
    const box = { left: firstLeft + (index % columns) * (wide + GAP), top: firstTop + row * (tall + GAP) };
    boxes.set(key, { left: Math.round(box.left), top: Math.round(box.top), width: wide, height: tall });
  });
}

/** Boxes of the small ones in a line at `from`, one after another; the stage scrolls to those outside. */
function line(keys, { left, top, wide, tall, along }, boxes) {
  keys.forEach((key, index) => {
    const step = index * ((along === "right" ? wide : tall) + GAP);
    const box = along === "right" ? { left: left + step, top } : { left, top: top + step };
    boxes.set(key, { ...box, width: wide, height: tall, small: true });
  });
}

/** Boxes for {large, small} on a stage of `width` x `height`: key -> {left, top, width, height, small}. */
export function boxesOf({ large, small }, width, height) {
  const boxes = new Map();
  if (width <= 0 || height <= 0) return boxes;
  if (small.length === 0) {
    const scrolls = width < NARROW && width < height && large.length > NARROW_MOST;
    block(large, { left: 0, top: 0, width, height, scrolls }, boxes);
    return boxes;
  }
  const bounded = (size) => Math.round(Math.max(STRIP_LEAST, Math.min(STRIP_MOST, size)));
  if (width > height * 1.2) {
    const wide = bounded(width * STRIP);
    const tall = Math.floor(wide / SHAPE);
    block(large, { left: 0, top: 0, width: width - wide - GAP, height }, boxes);
    line(small, { left: width - wide, top: 0, wide, tall, along: "down" }, boxes);
    return boxes;
  }
  const tall = bounded(height * STRIP * 0.75);
  const wide = Math.floor(tall * SHAPE);
  block(large, { left: 0, top: 0, width, height: height - tall - GAP }, boxes);
  line(small, { left: 0, top: height - tall, wide, tall, along: "right" }, boxes);
  return boxes;
}
