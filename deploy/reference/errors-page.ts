// docs/errors.md, from the table of error codes.
import { ERROR_CODES, type ErrorForm } from '../../shared/errors.js';
import { code, table } from './markdown.js';

const forms = Object.entries<ErrorForm>(ERROR_CODES);

export function errorsPage(): string {
  return `# Errors

An error of postern is a line on stderr that begins with \`postern: \`. In code it is a \`PosternError\` with one of the codes below, or with
the name of the errno of a system call, for example \`ENOSPC\`.

A refused connection is not an error of postern. The program gets an errno, and the [audit log](audit.md) has the reason. The client
library rejects with a \`PluginError\`. Its code is the name of an errno, \`EACCES\` for a refusal, or \`ENOCHANNEL\`.

The exit status below is that of \`run\`, and of \`learn\`. Other commands exit with 2 for wrong usage, and with 1 if something failed. \`up\`, \`diff\`, \`explain\`, \`import\` and
\`test\` exit with 2 for a bad file too.

## When postern starts a plugin
${codeTable('supervisor')}

## In the broker
The broker ends with these before it serves a plugin. postern shows the message with the code \`broker_failed\`.

${codeTable('broker')}

## In the launcher
The launcher builds the sandbox from inside. postern shows its message with the code \`launch_failed\`.

${codeTable('launcher')}
`;
}

function codeTable(where: ErrorForm['in']): string {
  return table(
    ['code', 'exit status', 'meaning', 'usual fix'],
    forms
      .filter(([, form]) => form.in === where)
      .map(([name, { status, what, fix }]) => [code(name), String(status), what, fix]),
  );
}
