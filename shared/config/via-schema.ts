// The schema of `via`. check-values.ts checks the values.
import * as z from 'zod';
import { DEFAULT_RESOLVES, MOST_MARK, RESOLVES, type WrittenVia } from './via-config.js';

const text = (expected: string): z.ZodString => z.string({ error: `expected ${expected}` });
const SOURCE = 'an address of this host, or a list of an IPv4 and an IPv6 address';

const MARK = 'a whole number from 1 to 4294967295, as 42 or 0x2a';

export const viaSchema: z.ZodType<WrittenVia | undefined> = z
  .strictObject(
    {
      proxy: text('the URL of a proxy, as http://proxy.example.com:3128')
        .describe(
          'The proxy that connections go through: http://HOST:PORT (HTTP CONNECT) or socks5://HOST:PORT. none: no proxy, whatever `defaults` says.',
        )
        .optional(),
      credentials_file: text('a path')
        .min(1, { error: 'expected a path' })
        .describe(
          'A file with USER:PASSWORD for the proxy, in one line. It must lie where no plugin sees it. It belongs to the `proxy` that stands beside it.',
        )
        .optional(),
      resolve: z
        .enum(RESOLVES, { error: 'expected host, both or proxy' })
        .meta({
          description:
            'Who resolves a name. host: postern, and the proxy gets an address that postern has checked. both: postern resolves it and checks its addresses, then the proxy gets the name and resolves it again, for a proxy that permits names alone. proxy: the proxy alone, for a network without DNS for outside names. With both and proxy, the owner of a permitted name can lead the proxy into its private network.',
          default: DEFAULT_RESOLVES,
        })
        .optional(),
      direct: z
        .array(text('a rule such as *.internal.example.com'), {
          error: 'expected a list of rules, for example ["*.internal.example.com", 10.0.0.0/8]',
        })
        .describe(
          'Destinations that go around the proxy, as rules. A rule without ports covers every port. A destination with several addresses goes around only if a rule covers each of them.',
        )
        .optional(),
      source: z
        .union([z.string(), z.array(z.string()).min(1).max(2)], { error: `expected ${SOURCE}` })
        .describe(
          'The address of this host that connections leave from, or a list of two: an IPv4 and an IPv6 address. A family without a source is not dialled.',
        )
        .optional(),
      mark: z
        .int({ error: `expected ${MARK}` })
        .min(1, { error: `expected ${MARK}` })
        .max(MOST_MARK, { error: `expected ${MARK}` })
        .describe(
          'The mark of the connections (SO_MARK), which rules of ip-rule(8) and nft(8) can match. It needs root with CAP_NET_ADMIN. No program can change it.',
        )
        .optional(),
      resolvers: z
        .array(text('an address such as 192.0.2.53'), {
          error: 'expected a list of addresses, for example [192.0.2.53]',
        })
        .describe("DNS servers for this plugin's names, instead of those of all plugins.")
        .optional(),
    },
    { error: 'expected a map, as {proxy: "http://proxy.example.com:3128"}' },
  )
  .describe(
    'How connections of the plugin leave this host: through a proxy, from an address, with a mark, with other DNS servers.',
  )
  .optional();
