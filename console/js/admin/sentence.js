// An entry of the timeline in words: a sentence for each verb, filled with names. What a newer node enters is told by
// its code. Pure but for the words.

import { dateOf, timeOfDay } from "../clock.js";
import { has, t } from "../i18n.js";
import { rightWords, roleWords } from "./codes.js";

/** What happens by one act beside what is told of it, or by the node itself and often. */
const ASIDE = new Set([
  "login.renew", "person.password-rehashed", "participant.contribute", "participant.spoke", "source.spoke",
  "recording.clear",
]);

/** Every verb that has a sentence, by what it is about. */
export const VERBS = {
  unit: ["unit.create", "unit.change", "unit.move", "unit.remove", "directory.export"],
  person: [
    "person.create", "person.change", "person.move", "person.roles", "person.disable", "person.enable",
    "person.password", "person.password-rehashed", "person.remove", "person.signin-refused",
  ],
  endpoint: [
    "endpoint.create", "endpoint.change", "endpoint.move", "endpoint.credential", "endpoint.disable", "endpoint.enable",
    "endpoint.remove", "source.stop", "source.spoke",
  ],
  login: [
    "login.begin", "login.renew", "login.end", "login.ran-out", "welcome.create", "welcome.use", "welcome.replaced",
    "welcome.end", "welcome.ran-out",
  ],
  grant: ["grant.give", "grant.revoke", "grant.end"],
  consultation: [
    "consultation.create", "consultation.start", "consultation.end", "consultation.invite", "consultation.lock",
    "consultation.spotlight", "consultation.hand-over", "consultation.depute", "consultation.announce",
    "consultation.roll", "message.say",
  ],
  recording: [
    "recording.begin", "recording.pause", "recording.end", "recording.hold", "recording.retain", "recording.lengthen",
    "recording.replay", "recording.export", "recording.exported", "recording.delete", "recording.clear", "keys.rotate",
  ],
  policy: [
    "policy.create", "policy.change", "policy.remove", "policy.expire", "emergency.begin", "emergency.end",
  ],
  participant: [
    "participant.join", "participant.wait", "participant.admit", "participant.leave", "participant.absent",
    "participant.remove", "participant.bring", "participant.contribute", "participant.mute", "participant.ask",
    "participant.hand", "participant.word", "participant.priority", "participant.here", "participant.spoke",
  ],
};

/** Verbs whose sentence depends on a value: verb -> the ending of its key. */
const VARIANTS = {
  "consultation.lock": (params) => (params.locked ? "on" : "off"),
  "consultation.announce": (params) => (params.announcement ? "on" : "off"),
  "consultation.roll": (params) => (params.roll && !params.roll.closed_us ? "on" : "off"),
  "consultation.spotlight": (params) => (params.spotlight?.length ? "on" : "off"),
  "participant.hand": (params) => (params.hand_us ? "on" : "off"),
  "participant.word": (params) => (params.word_us ? "on" : "off"),
  "participant.ask": (params) => (params.asked_us ? "on" : "off"),
  "recording.begin": (params) => begunBy(params),
  "recording.pause": (params) => (params.paused_us ? "on" : "off"),
  "recording.hold": (params) => (params.hold ? "on" : "off"),
  "recording.export": ({ form }) => form ?? "",
  "recording.retain": (params) => (["brief", "ordinary", "lasting"].includes(params.retention) ? params.retention : ""),
  "recording.delete": (params) => (params.deleted_by?.endsWith("disk-low") ? "low" : ""),
  "source.stop": (params) => (params.by ? "other" : ""),
  "unit.move": (params) => (params.parent === "" ? "root" : ""),
};

/** Why a recording was begun: by somebody, by a policy, or because an emergency was declared. */
function begunBy({ why, policy }) {
  if (policy) return why === "emergency" ? "declared" : "policy";
  return why === "emergency" ? "emergency" : "";
}

/** Fields whose new value is told where something was changed. */
const CHANGES = ["name_zh", "name_en", "name", "title", "login", "level", "code", "order", "kind", "gb_id"];

/** The `kind:id` that an entry is about; of a secret, a sign-in or an export whose it is. */
export function objectOf({ object, verb, params = {} }) {
  const [kind, id] = object.split(":");
  if (kind === "credential") return `${verb.split(".")[0]}:${id}`;
  if (["signin", "login", "welcome", "export"].includes(kind)) return params.person ? `person:${params.person}` : "";
  return object;
}

/** A verb as a part of the tables' keys. Pure. */
function keyOf(verb) {
  return verb.replaceAll(".", "-");
}

/** What kind of act an entry is, in a word or two. */
export function verbWords(verb) {
  return has(`verb.${keyOf(verb)}`) ? t(`verb.${keyOf(verb)}`) : verb;
}

/** Whether an entry says what another of the same act says already. */
export function isBeside({ object, verb }) {
  return object.startsWith("credential:") && verb.endsWith(".remove");
}

/** All `kind:id` whose names the sentence needs. */
export function targetsOf(entry) {
  const { params = {} } = entry;
  const found = [objectOf(entry)];
  if (entry.actor && entry.actor !== "system") found.push(`person:${entry.actor}`);
  if (entry.session) found.push(`consultation:${entry.session}`);
  if (params.parent) found.push(`unit:${params.parent}`);
  if (params.unit) found.push(`unit:${params.unit}`);
  if (params.chair) found.push(`person:${params.chair}`);
  if (params.by) found.push(String(params.by));
  for (const role of params.roles ?? []) found.push(`unit:${role.scope}`);
  for (const deputy of params.deputies ?? []) found.push(`person:${deputy}`);
  if (entry.verb === "grant.give") found.push(String(params.object), String(params.to));
  return found.filter((target) => /^(?:unit|person|endpoint|consultation|participant|recording):/u.test(target));
}

function valueWords(field, value) {
  if (field === "level" && has(`tag.${value}`)) return t(`tag.${value}`);
  if (field === "kind" && has(`kind.${value}`)) return t(`kind.${value}`);
  return value === "" ? t("audit.empty") : String(value);
}

function changesOf(params) {
  const told = CHANGES.filter((field) => field in params);
  return told.map((field) => {
    return t("audit.value", { field: t(`admin.field.${field}`), value: valueWords(field, params[field]) });
  });
}

function muted(params) {
  const told = ["picture_off", "sound_off"].filter((field) => field in params);
  return told.map((field) => t(`audit.${field}.${params[field] ? "on" : "off"}`));
}

function joined(words) {
  return words.join(t("audit.and")) || t("audit.none");
}

/** Who asked where that is no person: a device by its name, a token of the node by its own. */
function byWords(by, names) {
  return by.startsWith("token:") ? by.slice("token:".length) : names.of(by);
}

/** The values of a sentence. `names`: as in called.js. */
function valuesOf(entry, names) {
  const { params = {}, verb } = entry;
  const roles = (params.roles ?? []).map((role) => {
    return t("admin.roles.at", { role: roleWords(role.name), unit: names.of(`unit:${role.scope}`) });
  });
  const until = (params.until_us ?? 0) / 1000;
  return {
    actor: names.of(entry.actor === "system" ? "system" : `person:${entry.actor}`),
    object: names.of(objectOf(entry)) || t("audit.something"),
    unit: params.parent || params.unit ? names.of(`unit:${params.parent ?? params.unit}`) : "",
    person: names.of(`person:${params.chair ?? params.person ?? ""}`),
    deputies: joined((params.deputies ?? []).map((deputy) => names.of(`person:${deputy}`))),
    session: entry.session ? names.of(`consultation:${entry.session}`) : "",
    roles: joined(roles),
    changes: joined(verb === "participant.mute" ? muted(params) : changesOf(params)),
    right: rightWords(params.verb ?? ""),
    on: names.of(params.object ?? ""),
    to: names.of(params.to ?? ""),
    until: until ? `${dateOf(until)} ${timeOfDay(until)}` : "",
    text: String(params.text ?? params.announcement ?? params.hold ?? params.reason ?? ""),
    what: has(`policies.what.${params.what}`) ? t(`policies.what.${params.what}`) : "",
    retention: has(`policies.retention.${params.retention}`) ? t(`policies.retention.${params.retention}`) : "",
    source: String(params.name ?? params.title ?? ""),
    begun: params.from_us ? timeOfDay(params.from_us / 1000) : "",
    over: params.to_us ? timeOfDay(params.to_us / 1000) : "",
    by: byWords(String(params.by ?? ""), names),
    time: params.from_us ? `${dateOf(params.from_us / 1000)} ${timeOfDay(params.from_us / 1000)}` : "",
    n: String(params.count ?? params.priority ?? ""),
  };
}

/** The sentence of an entry. */
export function sentenceOf(entry, names) {
  const variant = VARIANTS[entry.verb]?.(entry.params ?? {}) ?? "";
  const name = [keyOf(entry.verb), variant].filter(Boolean).join("-");
  const values = valuesOf(entry, names);
  if (has(`entry.${name}`)) return t(`entry.${name}`, values);
  return t("audit.newer", { ...values, verb: entry.verb, object: entry.object });
}

/** Whether an entry is of what goes on by itself all the time. */
export function isAside({ verb }) {
  return ASIDE.has(verb);
}
