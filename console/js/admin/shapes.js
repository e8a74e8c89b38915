// What units, people and endpoints are made of in the forms: their fields, and the acts on them.

import { Field } from "./field.js";

export const LEVELS = ["province", "city", "county", "township", "village", "mobile"];
export const KINDS = ["room", "browser", "drone", "body-camera", "ip-camera", "vehicle", "phone", "radio"];
export const ROLES = ["administrator", "duty-officer", "operator", "member", "observer"];
/** As permissions.Right. */
export const RIGHTS = [
  "see", "view", "talk", "steer", "chair", "invite", "record", "replay", "export", "publish", "manage", "audit",
  "admin",
];
/** The icon of each kind of thing. */
export const PICTURES = { unit: "tree", person: "person", endpoint: "camera" };

const NAME = { maxLength: 64 };

const FIELDS = {
  unit: () => [
    new Field("name_zh", NAME),
    new Field("name_en", NAME),
    new Field("level", { choices: LEVELS, prefix: "tag" }),
    new Field("code", { maxLength: 12, inputMode: "numeric", hint: "admin.hint.code" }),
    new Field("order", { maxLength: 8, inputMode: "numeric", hint: "admin.hint.order" }),
  ],
  person: () => [
    new Field("name", NAME),
    new Field("title", NAME),
    new Field("login", { maxLength: 32, autocapitalize: "none", spellcheck: "false", hint: "admin.hint.login" }),
  ],
  endpoint: () => [
    new Field("name_zh", NAME),
    new Field("name_en", NAME),
    new Field("kind", { choices: KINDS, prefix: "kind" }),
    new Field("gb_id", { maxLength: 20, inputMode: "numeric", hint: "admin.hint.gb_id" }),
  ],
};

/** Fresh fields of a kind. */
export function fieldsOf(kind) {
  return FIELDS[kind]();
}

/** The level of what is made below a unit of `level`: the next one. Pure. */
export function levelBelow(level) {
  const at = LEVELS.indexOf(level);
  return LEVELS[Math.min(at + 1, LEVELS.length - 2)];
}

/** The act that puts something into another unit: [name, params]. Pure. */
export function moveOf(kind, id, unit) {
  return kind === "unit" ? ["unit.move", { unit: id, parent: unit }] : [`${kind}.move`, { [kind]: id, unit }];
}
