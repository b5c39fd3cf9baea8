// The meaning of the first byte of each MessagePack value: github.com/msgpack/msgpack, spec.md, Formats.

/** Numbers, nil and booleans are plain. No message here has the types bin and extension. */
export const TokenForm = { plain: 0, text: 1, array: 2, map: 3, foreign: 4, never: 5 } as const;

/** The TokenForm of each token. */
export const FORM: Uint8Array = new Uint8Array(256);
/** The bytes of the big-endian size field after the token. */
export const WIDTH: Uint8Array = new Uint8Array(256);
/** How many bytes follow by the token itself (in an array or map: elements or pairs), in addition to the field. */
export const INLINE_SIZE: Uint8Array = new Uint8Array(256);

function set(token: number, form: number, width: number, size: number): void {
  FORM[token] = form;
  WIDTH[token] = width;
  INLINE_SIZE[token] = size;
}

for (let size = 0; size < 16; size += 1) {
  set(0x80 + size, TokenForm.map, 0, size);
  set(0x90 + size, TokenForm.array, 0, size);
}
for (let size = 0; size < 32; size += 1) set(0xa0 + size, TokenForm.text, 0, size);
set(0xc1, TokenForm.never, 0, 0);
for (const [step, width] of [1, 2, 4].entries()) {
  set(0xc4 + step, TokenForm.foreign, width, 0);
  // The type of an extension stands between its size and its bytes.
  set(0xc7 + step, TokenForm.foreign, width, 1);
  set(0xd9 + step, TokenForm.text, width, 0);
}
for (const [step, size] of [4, 8].entries()) set(0xca + step, TokenForm.plain, 0, size);
for (const [step, size] of [1, 2, 4, 8].entries()) {
  set(0xcc + step, TokenForm.plain, 0, size);
  set(0xd0 + step, TokenForm.plain, 0, size);
}
for (const [step, size] of [1, 2, 4, 8, 16].entries()) set(0xd4 + step, TokenForm.foreign, 0, size + 1);
for (const [step, width] of [2, 4].entries()) {
  set(0xdc + step, TokenForm.array, width, 0);
  set(0xde + step, TokenForm.map, width, 0);
}
