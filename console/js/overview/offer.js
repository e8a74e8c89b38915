// What somebody can do with a consultation on the overview, and why not. Pure.

/** True when the record's rights let me run it. */
export const mayChair = (consultation) => (consultation.may ?? []).includes("chair");

/**
 * Decide {act, reason}: `act` is "join", "back", "ask", "waiting", "start" or "later"; `reason` "" or why it cannot be
 * done now ("locked", "scheduled").
 */
export function offerOf(consultation) {
  const { stage, mine, locked } = consultation;
  if (stage === "scheduled") {
    return mayChair(consultation) ? { act: "start", reason: "" } : { act: "later", reason: "scheduled" };
  }
  if (mine === "present") return { act: "back", reason: "" };
  if (mine === "waiting") return { act: "waiting", reason: "" };
  if (mayChair(consultation)) return { act: "join", reason: "" };
  // Who was in it and lost the line may ask the chair.
  if (locked) return { act: "ask", reason: mine === "left" ? "" : "locked" };
  return { act: mine === "invited" || mine === "left" ? "join" : "ask", reason: "" };
}

/** Running ones first, the oldest at the top, so that a new one comes below; then scheduled ones by their time. */
export function sorted(consultations) {
  const running = consultations.filter((one) => one.stage === "running");
  const scheduled = consultations.filter((one) => one.stage === "scheduled");
  running.sort((a, b) => a.started_us - b.started_us || (a.id < b.id ? -1 : 1));
  scheduled.sort((a, b) => a.begins_us - b.begins_us || (a.id < b.id ? -1 : 1));
  return { running, scheduled };
}
