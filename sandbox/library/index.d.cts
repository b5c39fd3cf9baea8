// The types of postern for a CommonJS module: `const { createSupervisor } = require('postern')`. They are those of index.ts. The compiler does not
// read the types of an ES module as those of a CommonJS one, so each has its name here.
import type * as postern from './index.js' with { 'resolution-mode': 'import' };

export declare const createSupervisor: typeof postern.createSupervisor;
export declare const PosternError: typeof postern.PosternError;
export type PosternError = postern.PosternError;
export type AskAnswer = postern.AskAnswer;
export type AskRequest = postern.AskRequest;
export type AuditEvent<Name extends postern.AuditEvent['event'] = postern.AuditEvent['event']> =
  postern.AuditEvent<Name>;
export type Plugin = postern.Plugin;
export type PluginEvents = postern.PluginEvents;
export type PluginExit = postern.PluginExit;
export type PluginSettings = postern.PluginSettings;
export type PluginStreams = postern.PluginStreams;
export type PolicySettings = postern.PolicySettings;
export type PosternSupervisor = postern.PosternSupervisor;
export type Stdio = postern.Stdio;
export type SupervisorSettings = postern.SupervisorSettings;
