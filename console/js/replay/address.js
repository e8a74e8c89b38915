// A moment of a replay as an address: the recording, the UTC, and how it was looked at. Pure.

/** What the values behind the # say: {us, sound, big, speed}; what is missing is as a replay begins. */
export function momentOf(values) {
  const ms = Number(values.t);
  const speed = Number(values.speed);
  return {
    us: Number.isFinite(ms) && ms > 0 ? Math.round(ms * 1000) : 0,
    sound: values.sound ?? "all",
    big: values.big ?? "",
    speed: Number.isFinite(speed) && speed > 0 ? speed : 1,
  };
}

/** The fragment of a moment. */
export function addressOf(recording, { us = 0, sound = "all", big = "", speed = 1 } = {}) {
  const values = new URLSearchParams({ replay: recording });
  if (us) values.set("t", String(us / 1000));
  if (sound !== "all") values.set("sound", sound);
  if (big) values.set("big", big);
  if (speed !== 1) values.set("speed", String(speed));
  return `#${values}`;
}
