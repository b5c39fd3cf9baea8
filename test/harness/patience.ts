// How many times longer than elsewhere the tests wait before they give up: an emulated machine is slower. No test passes sooner or
// later for it.
export const PATIENCE: number = Number(process.env['POSTERN_TEST_PATIENCE'] ?? 1);
