// The page's texts in its language. English is the original; for any other language the page brings
// a catalogue in the block `texts`. Numbers and dates follow the same language.

const block = document.getElementById("texts");
const known = block ? JSON.parse(block.textContent) : {};

/** The page's language, as the server chose it. */
export const language = document.documentElement.lang || "en";

/** The viewer's own kind of that language, for dates; `en-GB` on a page in English. */
export const locale = (navigator.languages ?? []).find((one) => primary(one) === primary(language)) ?? language;

function primary(code) {
  return code.toLowerCase().split("-")[0];
}

/** The text in the page's language. Write it as a literal: catalogues are made from the source. */
export const gettext = (text) => known[text] ?? text;

/** The text for `n` things. Each language of the hub has one form, or two like English. */
export function ngettext(one, many, n) {
  const forms = known[one] ?? [one, many];
  return n === 1 ? forms[0] : forms.at(-1);
}

/** The text with every `%(name)s` filled in from `values`. */
export const interpolate = (text, values) => text.replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

/** A count with its digits grouped as the language does. */
export const counted = (n) => n.toLocaleString(language);

const mark = (1.5).toLocaleString(language).replace(/\d/g, "");

/** A number written with a point, with the decimal mark of the language. */
export const decimal = (text) => text.replace(".", mark);
