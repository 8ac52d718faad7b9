// Elements in one line.

/** An element with a class (or none) and, inside it, nodes and texts. */
export function make(name, className, ...inside) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...inside);
  return node;
}
