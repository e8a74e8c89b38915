// One consultation as the page sees it, from the records of its topic. Pure.

/** Who answers for order: hands and waiting people by when they began, the present by when they came. */
const by = (field) => (a, b) => a[field] - b[field] || (a.id < b.id ? -1 : 1);

/** True when somebody may run it: its chair, a deputy, or by right. */
export function chairs(consultation, short, me) {
  const { chair, deputies = [], may } = consultation;
  return me === chair || deputies.includes(me) || (may ?? short?.may ?? []).includes("chair");
}

/**
 * Sort a consultation's records for the views. `store` and `topic` of the link, `short`: its record on the overview,
 * `me`: my person id. Null before the records are there.
 */
export function roomOf(store, topic, short, me) {
  const id = topic.slice(topic.indexOf(":") + 1);
  const consultation = store.of(topic, "consultation").get(id);
  if (!consultation) return null;
  const all = [...store.of(topic, "participant").values()];
  const of = (attendance) => all.filter((one) => one.attendance === attendance);
  const present = of("present").sort(by("joined_us"));
  const speaking = store.of(topic, "speaking").get(id) ?? { participant: "", levels: {} };
  return {
    consultation,
    short,
    present,
    waiting: of("waiting"),
    hands: present.filter((one) => one.hand_us > 0).sort(by("hand_us")),
    gone: [...of("invited"), ...of("left"), ...of("removed")],
    own: all.find((one) => one.person === me) ?? null,
    isChair: chairs(consultation, short, me),
    speaker: speaking.participant ?? "",
    levels: speaking.levels ?? {},
    sources: store.of(topic, "source"),
    messages: [...store.of(topic, "message").values()].sort(by("at_us")),
  };
}

/** What somebody is in it, as a key of words: "chair", "deputy" or "". */
export function officeOf({ consultation }, participant) {
  if (!participant.person) return "";
  if (participant.person === consultation.chair) return "chair";
  return consultation.deputies.includes(participant.person) ? "deputy" : "";
}

/** The record of a participant's first source that has a picture or sound, or null. */
export function sourceOf(room, id) {
  return room.sources.get(id) ?? null;
}

/** True when a participant sends sound that is not cut off. */
export function isHeard(room, participant) {
  if (participant.sound_off) return false;
  return participant.sources.some((id) => (sourceOf(room, id)?.tracks ?? []).includes("audio"));
}

/** True when a participant sends a picture that is not cut off. */
export function isSeen(room, participant) {
  if (participant.picture_off) return false;
  return participant.sources.some((id) => (sourceOf(room, id)?.tracks ?? []).includes("video"));
}

/**
 * The places on the stage: {key, participant, source (id or ""), index}. A participant has one for each of its sources,
 * and one when it has none. With more than `most`, those without a picture stay in the list of participants only.
 */
export function seatsOf(room, most) {
  const seats = [];
  for (const participant of room.present) {
    const sources = participant.sources.length > 0 ? participant.sources : [""];
    sources.forEach((source, index) => seats.push({ key: `${participant.id}#${index}`, participant, source, index }));
  }
  if (seats.length <= most) return { seats, more: 0 };
  const matters = (seat) => (seat.source && isSeen(room, seat.participant) ? 2 : 0) + (seat.participant.word_us ? 4 : 0)
    + (seat.participant.id === room.speaker ? 8 : 0) + (seat.participant.priority > 0 ? 1 : 0);
  const kept = new Set([...seats].sort((a, b) => matters(b) - matters(a)).slice(0, most));
  return { seats: seats.filter((seat) => kept.has(seat)), more: seats.length - most };
}

/**
 * How much a place's picture matters: 2 on the main stage (`large`), 1 who runs it, spoke last (`last`) or shows a
 * screen, 0 one of many.
 */
export function rankOf({ participant, source }, room, { last, large }) {
  if (large) return 2;
  return officeOf(room, participant) === "chair" || participant.id === last || source.endsWith(".screen") ? 1 : 0;
}

/** Which participants' sound is taken, `most` at most: who is heard now, has the word, runs it, is on the stage. */
export function soundsOf(room, most) {
  const rank = (one) => (one.id in room.levels ? 8 : 0) + (one.word_us ? 4 : 0) + (officeOf(room, one) ? 2 : 0);
  const heard = room.present.filter((one) => isHeard(room, one));
  return new Set([...heard].sort((a, b) => rank(b) - rank(a)).slice(0, most).map((one) => one.id));
}

/** What the roll says: {open, answered, missing} with lists of participants, or null when none was called. */
export function rollOf(room) {
  const { roll } = room.consultation;
  if (!roll) return null;
  const people = room.present.filter((one) => one.person);
  // Who calls it is there.
  const isHere = (one) => one.roll_us === roll.at_us || one.person === roll.by;
  const answered = people.filter(isHere);
  const missing = people.filter((one) => !isHere(one));
  return { open: !roll.closed_us, at: roll.at_us, answered, missing };
}
