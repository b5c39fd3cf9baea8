// A value as one line of JSON in printable ASCII: control and direction characters of foreign text would act on the terminal
// that shows it.

export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
