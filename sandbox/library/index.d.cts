// The types of postern for a CommonJS module: `const { createSupervisor } = require('postern')`. They are those of index.ts. The compiler does not
// take the values of an ES module for those of a CommonJS one, so each of them has its name here.
import type * as postern from './index.js' with { 'resolution-mode': 'import' };

export type * from './index.js' with { 'resolution-mode': 'import' };
export declare const createSupervisor: typeof postern.createSupervisor;
export declare const spawn: typeof postern.spawn;
export declare const wrap: typeof postern.wrap;
export declare const PosternError: typeof postern.PosternError;
export type PosternError = postern.PosternError;
