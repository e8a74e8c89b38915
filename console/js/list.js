// Keeps the children of an element in step with a list of things: what stays is not touched, so that focus, scroll and
// running pictures stay too.

export class List {
  #rows = new Map();

  /** `parent` is filled; `make(item)` gives {element, render(item), dispose?()}; `keyOf(item)` tells items apart. */
  constructor(parent, make, keyOf = (item) => item.id) {
    this.parent = parent;
    this.make = make;
    this.keyOf = keyOf;
  }

  get rows() {
    return [...this.#rows.values()];
  }

  row(key) {
    return this.#rows.get(key);
  }

  /** Show `items` in their order. */
  show(items) {
    const keys = new Set(items.map(this.keyOf));
    for (const [key, row] of this.#rows) if (!keys.has(key)) this.#drop(key, row);
    let before = this.parent.firstElementChild;
    for (const item of items) {
      const key = this.keyOf(item);
      let row = this.#rows.get(key);
      if (!row) {
        row = this.make(item);
        this.#rows.set(key, row);
      }
      if (row.element === before) before = before.nextElementSibling;
      else this.parent.insertBefore(row.element, before);
      row.render(item);
    }
  }

  clear() {
    for (const [key, row] of this.#rows) this.#drop(key, row);
  }

  #drop(key, row) {
    this.#rows.delete(key);
    row.dispose?.();
    row.element.remove();
  }
}
