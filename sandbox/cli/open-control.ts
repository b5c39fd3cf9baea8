// Opens the control socket that `up` has by default, or that a path names.
import { join } from 'node:path';
import { PosternError } from '../../shared/errors.js';
import { controlFolder, controlName } from '../host/control-folder.js';
import { OperatorControl } from '../operate/operator-control.js';
import { ControlSocket } from '../supervisor/control/control-socket.js';
import { say } from './say.js';

/**
 * @param named an absolute path, `off`, or undefined for the default. If the default cannot be had, for example since another project has it, the
 *   start goes on without
 * @param config the path of the configuration
 * @throws PosternError `control_socket`
 */
export function openControl(named: string | undefined, config: string): OperatorControl | undefined {
  if (named === 'off') return undefined;
  if (named !== undefined) return new OperatorControl(new ControlSocket(named, false));
  const folder = controlFolder();
  if (folder !== undefined) return openDefault(join(folder, controlName(config)));
  say('no control socket: XDG_RUNTIME_DIR is not set; name a path by control: to have one');
  return undefined;
}

function openDefault(path: string): OperatorControl | undefined {
  try {
    return new OperatorControl(new ControlSocket(path, true));
  } catch (error) {
    if (!(error instanceof PosternError)) throw error;
    say(`no control socket: ${error.message}; name another path by control: to have one`);
    return undefined;
  }
}
