// --limit NAME=VALUE of `run`: the names and bounds of a file's `limits`.
import { didYouMean } from '../../shared/config/closest.js';
import { LIMIT_FORMS, type LimitName, type WrittenLimits } from '../../shared/config/limit-forms.js';
import { PosternError } from '../../shared/errors.js';

const NAMES = Object.keys(LIMIT_FORMS);

/** @throws PosternError `bad_limit` */
export function parseLimits(texts: readonly string[]): WrittenLimits {
  const written: Partial<Record<LimitName, number>> = {};
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]*)=?(.*)$/.exec(text) ?? [];
    if (!isLimit(name)) {
      const fix = didYouMean(name, NAMES) ?? `limits are ${NAMES.join(', ')}`;
      throw new PosternError('bad_limit', `Not a limit: "${name}"`, { fix });
    }
    const { least, most } = LIMIT_FORMS[name];
    const number = Number(value);
    if (!/^\d+$/.test(value) || number < least || number > most) {
      throw new PosternError(
        'bad_limit',
        `Bad limit ${name}: expected a whole number from ${least} to ${most}, not "${value}"`,
        { fix: `write --limit ${name}=${LIMIT_FORMS[name].usual ?? least}` },
      );
    }
    written[name] = number;
  }
  return written;
}

function isLimit(name: string): name is LimitName {
  return NAMES.includes(name);
}
