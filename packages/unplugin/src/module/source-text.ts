/**
 * What generated code may not hold as it is: an end of the script element that it may be put into, line ends that only
 * JavaScript knows, and what makes a reader or a terminal show something else than there is.
 */
const unsafe = /[<\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g

/** A value of JSON as source text: names of models are text in it, whatever they say. */
export const sourceText = (value: unknown): string =>
  JSON.stringify(value).replace(
    unsafe,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
