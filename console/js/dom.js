// Builds elements without markup strings: data can only ever become text or an attribute.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element.
 * `props`: `class` (string or list), `on` (event name -> handler), `data` (dataset), a property name of the
 * element, or else an attribute; `null`, `undefined` and `false` attributes are left out. Children: nodes or text.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.classList.add(...[value].flat().filter(Boolean));
    else if (name === "on") for (const [event, act] of Object.entries(value)) element.addEventListener(event, act);
    else if (name === "data") Object.assign(element.dataset, value);
    else if (name in element && typeof value !== "string") element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make an icon of the set in icons.svg; it is decoration, its owner carries the words. */
export function icon(name) {
  const picture = document.createElementNS(SVG, "svg");
  picture.classList.add("icon");
  picture.setAttribute("viewBox", "0 0 24 24");
  picture.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `icons.svg#${name}`);
  picture.append(use);
  return picture;
}

/** Show another icon in an element made by `icon`. */
export function setIcon(picture, name) {
  const href = `icons.svg#${name}`;
  const use = picture.firstElementChild;
  if (use.getAttribute("href") !== href) use.setAttribute("href", href);
}

/** Make a polyline picture; `points` is "x,y x,y" in a box of `width` x `height`. */
export function polyline(width, height) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", `0 0 ${width} ${height}`);
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "polyline");
  picture.append(line);
  return { picture, draw: (points) => line.setAttribute("points", points) };
}

/** Set what differs: an element is styled anew for an attribute that is set again, even to what it is. */
export function set(target, values) {
  for (const [name, value] of Object.entries(values)) if (target[name] !== value) target[name] = value;
}

/** Set those `aria-` attributes that differ; values become text. */
export function setAria(element, values) {
  for (const [name, value] of Object.entries(values)) {
    if (element.getAttribute(`aria-${name}`) !== String(value)) element.setAttribute(`aria-${name}`, value);
  }
}

/** Set text only when it changed, and in the node that holds it: once-a-second refreshes are to cost little. */
export function setText(element, text) {
  if (element.textContent === text) return;
  const held = element.firstChild;
  if (held instanceof Text && held === element.lastChild) held.data = text;
  else element.textContent = text;
}

/** Say how many there are, beside a thing, and with `text` what they are; nothing when there are none. */
export function setBadge(badge, count, text) {
  set(badge, { hidden: count === 0, title: text });
  setText(badge, String(count));
}

/** Put words on an icon-only button: for the pointer and for the screen reader. */
export function setLabel(element, text) {
  if (element.title !== text) {
    element.title = text;
    element.setAttribute("aria-label", text);
  }
}
