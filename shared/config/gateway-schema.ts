// The schema of `secrets` and `gateway`. config-schema.ts has the rest.
import * as z from 'zod';
import { DEFAULT_REFLECT, REFLECT, type WrittenGateway, type WrittenSecret } from './gateway-keys.js';
import { VARIABLE_NAME } from './plugin-config.js';
import { SECRET_NAME } from './secret-template.js';

const text = (expected: string): z.ZodString => z.string({ error: `expected ${expected}` });
const texts = (expected: string): z.ZodArray<z.ZodString> =>
  z.array(text('a string'), { error: `expected ${expected}` });

const secretSchema: z.ZodType<WrittenSecret> = z.strictObject(
  {
    file: text('a path')
      .min(1, { error: 'expected a path' })
      .describe('A file with the secret in one line. Other users must not be able to read it.')
      .optional(),
    env: text('the name of a variable')
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: 'expected the name of a variable' })
      .describe(
        'A variable of the environment that postern is started with. No plugin, hook or command gets it.',
      )
      .optional(),
    credential: text('a name')
      .regex(/^[A-Za-z0-9_.-]{1,255}$/, { error: 'expected the name of a credential' })
      .describe('A credential of the systemd service, as LoadCredential= sets it.')
      .optional(),
    command: texts('a list: the program and its arguments, for example [pass, show, github]')
      .min(1, { error: 'expected a list with the program at least, for example [pass, show, github]' })
      .describe(
        'A program that prints the secret. It runs with the rights of postern, outside of every sandbox.',
      )
      .optional(),
  },
  { error: 'expected a map, as {file: /etc/postern/github-token}' },
);

export const secretsSchema: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodType<WrittenSecret>>> = z
  .record(z.string().meta({ pattern: SECRET_NAME.source }), secretSchema, {
    error: 'expected a map of secrets by name',
  })
  .describe(
    'Secrets that gateways set into requests. They are read at the start and at a reload. No plugin gets one.',
  )
  .optional();

const rules = (what: string): z.ZodOptional<z.ZodArray<z.ZodString>> =>
  texts('a list of rules such as ["GET /repos/**", "POST /repos/*/issues"]').describe(what).optional();

const awsName = (expected: string): z.ZodString =>
  text(expected).regex(/^[a-z0-9-]{1,64}$/, { error: `expected ${expected}` });
const AWS_EXAMPLE = '{access_key_id: aws-id, secret_access_key: aws-key, region: eu-central-1, service: s3}';

const hostSchema: z.ZodType<WrittenGateway> = z.strictObject(
  {
    headers: z
      .record(z.string(), text('a string'), {
        error: 'expected a map of strings, as {authorization: "Bearer {github}"}',
      })
      .describe('Headers that each request gets, whatever the program sends. {NAME} is a secret.')
      .optional(),
    placeholder: z
      .strictObject(
        {
          name: text('the name of a variable')
            .meta({ pattern: VARIABLE_NAME.source })
            .describe('The variable in which the program finds a worthless token.'),
          secret: text('the name of a secret').describe('The secret that takes its place.'),
          in: texts('a list of headers, for example [authorization]')
            .min(1, { error: 'expected a list of headers, for example [authorization]' })
            .describe('The headers in which it is swapped, on the way to this host alone.'),
        },
        { error: 'expected a map, as {name: OPENAI_API_KEY, secret: openai, in: [authorization]}' },
      )
      .describe('A token that stands for a secret, for a program that wants to send one itself.')
      .optional(),
    sign: z
      .strictObject(
        {
          aws: z
            .strictObject(
              {
                access_key_id: text('the name of a secret').describe('The secret with the id of the key.'),
                secret_access_key: text('the name of a secret').describe('The secret with the key.'),
                session_token: text('the name of a secret')
                  .describe('The secret with the token, if the key is a temporary one.')
                  .optional(),
                region: awsName('a region, as eu-central-1').describe('The region that the host is in.'),
                service: awsName('a service, as s3').describe(
                  'The name of the service in signatures. s3 leaves the body out; for any other, a body has 10 MiB at most.',
                ),
              },
              { error: `expected a map, as ${AWS_EXAMPLE}` },
            )
            .describe('Signature Version 4, in the place of the one of the program.'),
        },
        { error: `expected a map, as {aws: ${AWS_EXAMPLE}}` },
      )
      .describe('Each request is signed anew, with a key that the program never holds.')
      .optional(),
    allow: rules(
      'What the program may request: methods and a path, in which * is one segment and ** any number. Without a rule, everything that no deny rule covers.',
    ),
    deny: rules('What the program may not request, even where allow has it.'),
    ca: text('a path')
      .min(1, { error: 'expected a path' })
      .describe(
        'A file with the certificates that may sign the certificate of the host, instead of those of the system.',
      )
      .optional(),
    client: z
      .strictObject(
        {
          cert: text('a path')
            .min(1, { error: 'expected a path' })
            .describe('A file with the certificate, and those between it and its root.'),
          key: text('a path')
            .min(1, { error: 'expected a path' })
            .describe('A file with its private key. Other users must not be able to read it.'),
        },
        { error: 'expected a map, as {cert: client.pem, key: client.key}' },
      )
      .describe('A certificate for a host that asks for one. No plugin gets the key.')
      .optional(),
    addresses: texts('a list of addresses such as [10.1.2.0/24]')
      .describe(
        'Special addresses that the host may have, as rules for addresses. They are open to the gateway alone, on the way to this host.',
      )
      .optional(),
    base_url: z
      .boolean({ error: 'expected true or false' })
      .meta({
        description:
          'Whether programs in the sandbox reach the host by http://HOST.gateway.internal/ too, without a certificate. The way to the host is https all the same.',
        default: false,
      })
      .optional(),
    reflect: z
      .enum(REFLECT, { error: 'expected mask or allow' })
      .meta({
        description:
          'A secret in an answer. mask: asterisks take its place, in headers and in the first MiB of a body.',
        default: DEFAULT_REFLECT,
      })
      .optional(),
  },
  { error: 'expected a map, as {headers: {authorization: "Bearer {github}"}}' },
);

/** The rules of one host, in a boundary. */
export const requestRulesSchema: z.ZodType<Pick<WrittenGateway, 'allow' | 'deny'>> = z.strictObject(
  {
    allow: rules(
      'Methods and paths that plugins may allow. Without a rule, everything that no deny rule covers.',
    ),
    deny: rules('Methods and paths that no plugin may allow.'),
  },
  { error: 'expected a map, as {allow: ["GET /repos/**"]}' },
);

export const gatewaySchema: z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodType<WrittenGateway>>> = z
  .record(z.string(), hostSchema, {
    error: 'expected a map of hosts, as {api.example.com: {allow: [read-only]}}',
  })
  .describe(
    'Hosts whose connections postern ends and makes anew, to check methods and paths and to set secrets. All others stay as they are.',
  )
  .optional();
