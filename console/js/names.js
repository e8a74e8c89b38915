// Names: in the reader's language, cut in the middle when they do not fit, and the tag that says level or kind.

import { language } from "./i18n.js";

const ELLIPSIS = "…";

/** Cut `text` in the middle until `measure(text)` is at most `width`; both ends tell units apart. */
export function cutMiddle(text, width, measure) {
  if (measure(text) <= width) return text;
  const letters = Array.from(text);
  let low = 1;
  let high = letters.length - 1;
  const cut = (kept) => {
    const head = Math.ceil(kept / 2);
    const tail = kept - head;
    return letters.slice(0, head).join("") + ELLIPSIS + (tail ? letters.slice(-tail).join("") : "");
  };
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (measure(cut(middle)) <= width) low = middle;
    else high = middle - 1;
  }
  return cut(low);
}

// A word for a level means one only before the name of an office, or where the name ends: 小区监控 is no county and
// 市场 no city. Chinese runs words together, so what stands before 区 decides as well.
const OFFICE = "(?=人民政府|政府|党委|应急|指挥|会商|会议|值班|消防|公安|交通|水利|水务|气象|卫生|卫健|民政|自然资源|[\\s（(·-]|$)";
const level = (words, english) => new RegExp(`(?:${words})${OFFICE}|\\b(?:${english})\\b`, "iu");

// Order matters: a county's drone is a drone, a township's meeting room is of the township.
const TAGS = [
  ["drone", /无人机|\bdrone\b/iu],
  ["ptz", /布控球|\bptz\b/iu],
  ["body", /单兵|记录仪|\bbody\s?cam/iu],
  ["phone", /电话|对讲|电台|\bphone\b|\bradio\b/iu],
  ["mobile", /移动|指挥车|手机|\bmobile\b|\bvehicle\b/iu],
  ["village", level("村|村委会|社区", "village")],
  ["township", level("乡|镇|街道|街道办事处", "town|township")],
  ["county", level("县|(?:^|[^小社校园厂景库灾片])区", "county")],
  ["city", level("市", "city")],
  ["province", level("省", "province|provincial")],
];

const KIND_TAGS = {
  drone: "drone", "body-camera": "body", "ip-camera": "camera", vehicle: "mobile", phone: "phone", radio: "phone",
};

/** What a unit, person or endpoint is called in the reader's language. */
export function nameOf(record) {
  return (language() === "en" && record.name_en) || record.name_zh || record.name || record.id;
}

/** What the unit of a record is called in the reader's language, "" when it has none. */
export function unitNameOf(record) {
  return (language() === "en" && record.unit_name_en) || record.unit_name || "";
}

/** Key of the tag of a source: what the server says, else what its name says, else its media. */
export function tagOf(source) {
  if (Object.hasOwn(KIND_TAGS, source.kind ?? "")) return KIND_TAGS[source.kind];
  if (TAGS.some(([tag]) => tag === source.level)) return source.level;
  for (const [tag, words] of TAGS) if (words.test(source.name ?? "")) return tag;
  return isAudioOnly(source) ? "audio" : "video";
}

/** True when the source is known to have sound and no picture. */
export function isAudioOnly(source) {
  const tracks = source.tracks ?? [];
  return tracks.includes("audio") && !tracks.includes("video");
}
