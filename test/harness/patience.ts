// The factor by which tests wait longer before they give up, since an emulated machine is slower. It changes no result.
export const PATIENCE: number = Number(process.env['POSTERN_TEST_PATIENCE'] ?? 1);
