// What the chair can do with one participant, as a list of acts with their values. Pure.

import { isHeard, officeOf } from "./room.js";

/**
 * The acts on `participant`: {key (of words), name, params, icon, danger, asks (key of the question, or ""), reason
 * (key of words, "" when it can be done), back (params of the same act that undo it, or null)}.
 */
export function actsOn(room, participant) {
  const { consultation, isChair } = room;
  const base = { consultation: consultation.id, participant: participant.id };
  const whose = { consultation: consultation.id, person: participant.person };
  const list = [];
  const add = (key, name, params, icon, more = {}) => {
    const reason = isChair ? (more.reason ?? "") : "why.chairOnly";
    list.push({ key, name, params, icon, danger: false, asks: "", back: null, ...more, reason });
  };
  if (participant.attendance === "waiting") {
    add("admit", "participant.admit", base, "check");
    add("refuse", "participant.remove", base, "close", { danger: true });
    return list;
  }
  if (participant.attendance !== "present") {
    const { attendance } = participant;
    if (attendance === "left" && participant.source) {
      add("bringBack", "consultation.bring", { consultation: consultation.id, source: participant.source }, "add");
    }
    return list;
  }
  const { sound_off: soundOff, picture_off: pictureOff } = participant;
  const lit = consultation.spotlight.includes(participant.id);
  add(soundOff ? "soundOn" : "soundOff", "participant.mute", { ...base, sound: !soundOff },
    soundOff ? "mic" : "mic-off");
  if (participant.person) {
    const reason = isHeard(room, participant) ? "why.heardAlready" : "";
    add("ask", "participant.ask", base, "ask", { reason });
  }
  add(pictureOff ? "pictureOn" : "pictureOff", "participant.mute", { ...base, picture: !pictureOff },
    pictureOff ? "camera" : "camera-off");
  const asLit = { back: { ...base, lit } };
  add(lit ? "unspot" : "spot", "participant.spotlight", { ...base, lit: !lit }, "spot", asLit);
  const given = participant.word_us > 0;
  const asWas = { back: { ...base, given } };
  add(given ? "wordBack" : "word", "participant.word", { ...base, given: !given }, "word", asWas);
  const priority = participant.priority > 0 ? 0 : 5;
  const weight = { back: { ...base, priority: participant.priority } };
  add(priority ? "prefer" : "unprefer", "participant.priority", { ...base, priority }, "star", weight);
  if (participant.person) {
    const office = officeOf(room, participant);
    if (office !== "chair") {
      const deputy = office !== "deputy";
      const back = { ...whose, deputy: !deputy };
      add(deputy ? "deputy" : "undeputy", "consultation.depute", { ...whose, deputy }, "deputy", { back });
      add("handOver", "consultation.hand-over", whose, "chair", { asks: "handOver" });
    }
  }
  const reason = officeOf(room, participant) === "chair" ? "why.chairStays" : "";
  add("remove", "participant.remove", base, "leave", { danger: true, asks: "remove", reason });
  return list;
}

/** The act that the one quick button of a participant does: admit who waits, else its sound. */
export function quickAct(room, participant) {
  const all = actsOn(room, participant);
  const { attendance, person, sound_off: soundOff } = participant;
  const isQuiet = attendance === "present" && person !== "" && !soundOff && !isHeard(room, participant);
  return all.find((act) => (isQuiet ? act.key === "ask" : ["admit", "soundOff", "soundOn"].includes(act.key))) ?? null;
}

/** What dropping {kind, id} from the tree onto the stage does; `back(made)`: what undoes it, null if nothing does. */
export function dropAct(consultation, { kind, id }) {
  if (kind === "endpoint") {
    const back = (participant) => ({ name: "participant.remove", params: { consultation, participant } });
    return { key: "bring", name: "consultation.bring", params: { consultation, source: id }, back };
  }
  const params = { consultation, whom: [`${kind}:${id}`] };
  return { key: "invite", name: "consultation.invite", params, back: null };
}
