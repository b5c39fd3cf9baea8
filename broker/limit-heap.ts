// How V8 sizes the broker's heap. The same flags on Node's command line would make V8 reject the code that Node was built with: then Node
// compiles its own modules anew, in each thread too, and a start takes 27 ms of processor time more.
import { setFlagsFromString } from 'node:v8';

/** V8 doubles the young heap up to 16 MiB, threefold, and an idle broker keeps what it has grown to. */
const SMALL_YOUNG_HEAP =
  /* protects: G8 broker: its memory stays small after many connects => '--semi-space-growth-factor=2' */ '--semi-space-growth-factor=1';

/**
 * In percent of what is in use after a collection. By default V8 lets a heap grow fourfold before it collects again, so that a broker of 200
 * plugins takes 200 to 350 MiB in turn. With this it takes 190 to 200 MiB, and no more processor time (npm run soak).
 */
const SLOWLY_GROWING_HEAP = '--heap-growing-percent=40';

/** Called once the broker's threads have started. */
export function limitHeap(): void {
  setFlagsFromString(SMALL_YOUNG_HEAP);
  setFlagsFromString(SLOWLY_GROWING_HEAP);
}
