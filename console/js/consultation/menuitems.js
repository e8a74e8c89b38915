// What can be done with one participant, as items of a menu: what only I see and hear of it, then what the chair does.

import { t } from "../i18n.js";
import { actsOn } from "./actson.js";

/** What changes nothing but what I see and hear. */
function ownItems(seat, stage) {
  const look = { label: t("seat.choose"), icon: "enlarge", act: () => stage.choose(seat.key) };
  const { watching, silenced } = seat;
  if (!watching) return [look];
  const { paused } = watching;
  const [silence, sound] = silenced ? ["seat.unsilence", "sound"] : ["seat.silence", "muted"];
  const [pause, play] = paused ? ["seat.resume", "play"] : ["seat.pause", "pause"];
  return [
    look,
    { label: t(silence), icon: sound, act: () => seat.silence(!silenced) },
    { label: t(pause), icon: play, act: () => seat.togglePause() },
  ];
}

/** Items for `participant`; `seat`: its place on the stage or none; `perform(act)` does one of `actsOn`. */
export function menuItems({ room, participant, seat, stage, perform }) {
  const items = seat ? ownItems(seat, stage) : [];
  const chairs = actsOn(room, participant);
  if (!room.isChair) {
    if (chairs.length > 0) items.push({ label: t("does.chairs"), icon: "chair", reason: t("why.chairOnly") });
    return items;
  }
  for (const act of chairs) {
    const { icon, danger } = act;
    const reason = act.reason ? t(act.reason) : "";
    items.push({ label: t(`does.${act.key}`), icon, danger, reason, act: () => perform(act) });
  }
  return items;
}
