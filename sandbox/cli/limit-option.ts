// --limit NAME=VALUE of `run`: the names and ranges of a file's `limits`.
import { didYouMean } from '../../shared/config/config-problem.js';
import {
  LIMIT_FORMS,
  type LimitForm,
  type LimitName,
  type WrittenLimits,
} from '../../shared/config/limit-forms.js';
import { PosternError } from '../../shared/errors.js';

/** The names, for help and error messages. */
export const LIMIT_NAMES: readonly string[] = Object.keys(LIMIT_FORMS);

/** @throws PosternError `bad_limit` */
export function parseLimits(texts: readonly string[]): WrittenLimits {
  const written: Partial<Record<LimitName, number>> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/.exec(text) ?? [];
    if (!isLimit(name)) {
      const fix = didYouMean(name, LIMIT_NAMES) ?? `limits are ${LIMIT_NAMES.join(', ')}`;
      throw new PosternError('bad_limit', `Not a limit: "${name}"`, { fix });
    }
    const form: LimitForm = LIMIT_FORMS[name];
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < form.min || number > form.max) {
      throw new PosternError(
        'bad_limit',
        `Bad limit ${name}: expected a whole number from ${form.min} to ${form.max}, not "${value}"`,
        { fix: `write --limit ${name}=${form.default ?? form.min}` },
      );
    }
    written[name] = number;
  }
  return written;
}

function isLimit(name: string): name is LimitName {
  return LIMIT_NAMES.includes(name);
}
