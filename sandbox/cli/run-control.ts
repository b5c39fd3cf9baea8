// The control socket of `run --control PATH`. Only the program with all commands loads it.
import { resolve } from 'node:path';
import { OperatorControl } from '../operate/operator-control.js';
import { ControlSocket } from '../supervisor/control/control-socket.js';

export type OpenRunControl = (path: string) => OperatorControl;

/** @throws PosternError `control_socket` */
export const openRunControl: OpenRunControl = (path) =>
  new OperatorControl(new ControlSocket(resolve(path), false));
