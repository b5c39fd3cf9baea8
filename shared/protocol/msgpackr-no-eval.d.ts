// msgpackr has no types for its build without `new Function`. The classes are those of its main entry.
declare module 'msgpackr/index-no-eval' {
  export { Packr, Unpackr } from 'msgpackr';
}
