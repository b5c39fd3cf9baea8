// msgpackr ships no types for its build without `new Function`; the classes are those of its main entry.
declare module 'msgpackr/index-no-eval' {
  export { Packr, Unpackr } from 'msgpackr';
}
