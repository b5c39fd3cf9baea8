// Broken configurations, each with all of its messages. DIR stands for the folder of the file. `a-file` in it is a file.
import { configJsonSchema } from '../../shared/config/json-schema.js';
import { RULE_CLASSES } from '../../shared/policy/special-blocks.js';

interface Schema {
  readonly properties: {
    readonly plugins: { readonly additionalProperties: { readonly properties: object } };
  };
}

const { properties } = configJsonSchema() as Schema;
const TOP_KEYS = Object.keys(properties);
const PLUGIN_KEYS = Object.keys(properties.plugins.additionalProperties.properties);

export interface BrokenConfig {
  readonly name: string;
  readonly text: string;
  /** Other files in the folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly messages: readonly string[];
}

const web = (keys: string): string => `plugins:\n  web:\n    command: [node, server.js]\n${keys}`;

export const brokenConfigs: readonly BrokenConfig[] = [
  {
    name: 'an empty file',
    text: '',
    messages: ['postern.yaml:1:1: expected a map with the key plugins, not nothing'],
  },
  {
    name: 'marks that no socket can have',
    text: web(
      '    via: {mark: 0}\n  two:\n    command: [a]\n    via: {mark: 4294967296}\n  three:\n    command: [a]\n    via: {mark: vpn}\n',
    ),
    messages: [
      'postern.yaml:4:17: plugins.web.via.mark: expected a whole number from 1 to 4294967295, as 42 or 0x2a, not 0',
      'postern.yaml:7:17: plugins.two.via.mark: expected a whole number from 1 to 4294967295, as 42 or 0x2a, not 4294967296',
      'postern.yaml:10:17: plugins.three.via.mark: expected a whole number from 1 to 4294967295, as 42 or 0x2a, not "vpn"',
    ],
  },
  {
    name: 'a proxy with credentials, of no known kind, without a port',
    text: web(
      '    via: {proxy: "http://user:word@proxy.example.com:3128"}\n  two:\n    command: [a]\n    via: {proxy: "ftp://proxy.example.com:21", credentials_file: none.txt, source: [192.0.2.1, 192.0.2.2], resolvers: [x]}\n  three:\n    command: [a]\n    via: {proxy: "socks5://proxy.example.com", resolve: nobody, source: here, direct: [internal.example.com/, "unix:/run/x.sock"]}\n  four:\n    command: [a]\n    via: {credentials_file: none.txt}\n',
    ),
    messages: [
      'postern.yaml:4:18: plugins.web.via.proxy: credentials do not belong into the URL of a proxy, which others can read; put USER:PASSWORD into a file, and name the file as its credentials',
      'postern.yaml:7:18: plugins.two.via.proxy: not the URL of a proxy; write http://HOST:PORT or socks5://HOST:PORT',
      'postern.yaml:7:66: plugins.two.via.credentials_file: "none.txt" does not exist; paths are relative to the file',
      'postern.yaml:7:96: plugins.two.via.source[1]: a second IPv4 address; name one of each family',
      'postern.yaml:7:120: plugins.two.via.resolvers[0]: expected an address such as 192.0.2.53 or [::1]:53, not "x"',
      'postern.yaml:10:18: plugins.three.via.proxy: the URL of a proxy needs a host and a port; write http://HOST:PORT or socks5://HOST:PORT',
      'postern.yaml:10:57: plugins.three.via.resolve: expected host, both or proxy, not "nobody"',
      'postern.yaml:10:73: plugins.three.via.source: expected an address, not "here"',
      'postern.yaml:10:88: plugins.three.via.direct[0]: The rule "internal.example.com/" has a path; write "internal.example.com"',
      'postern.yaml:10:111: plugins.three.via.direct[1]: "unix:/run/x.sock" is a socket of this host, which no proxy leads to',
      'postern.yaml:13:29: plugins.four.via.credentials_file: there is no proxy beside it; name the proxy in the same map',
    ],
  },
  {
    name: 'only comments',
    text: '# nothing yet\n',
    messages: ['postern.yaml:1:1: expected a map with the key plugins, not nothing'],
  },
  {
    name: 'a list',
    text: '- web\n- api\n',
    messages: ['postern.yaml:1:1: expected a map with the key plugins, not a list'],
  },
  {
    name: 'a word',
    text: 'web\n',
    messages: ['postern.yaml:1:1: expected a map with the key plugins, not a text'],
  },
  {
    name: 'no plugins',
    text: 'metrics: 127.0.0.1:9464\n',
    messages: ['postern.yaml:1:1: plugins: missing: expected a map of plugins by name'],
  },
  {
    name: 'plugins without one',
    text: 'plugins: {}\n',
    messages: ['postern.yaml:1:10: plugins: there is no plugin to run'],
  },
  {
    name: 'plugins with nothing',
    text: 'plugins:\n',
    messages: ['postern.yaml:1:9: plugins: expected a map of plugins by name, not nothing'],
  },
  {
    name: 'plugins as a list',
    text: 'plugins:\n  - command: [node, server.js]\n',
    messages: ['postern.yaml:2:3: plugins: expected a map of plugins by name, not a list'],
  },
  {
    name: 'a mistyped key of the file',
    text: 'plugin:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:1: plugin: unknown key; did you mean "plugins"?'],
  },
  {
    name: 'a key of a plugin at the top',
    text: 'allow: [api.example.com]\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:1: allow: unknown key; it belongs to a plugin, or for all plugins under defaults',
    ],
  },
  {
    name: 'a key of the top at a plugin',
    text: web('    secrets: {key: {env: API_KEY}}\n'),
    messages: ['postern.yaml:4:5: plugins.web.secrets: unknown key; it belongs to the top of the file'],
  },
  {
    name: 'a key that resembles nothing',
    text: 'zzz: 1\nplugins:\n  web: {command: [node]}\n',
    messages: [`postern.yaml:1:1: zzz: unknown key; there are ${TOP_KEYS.join(', ')}`],
  },
  {
    name: 'a mistyped key of a plugin',
    text: 'plugins:\n  web:\n    comand: [node, server.js]\n',
    messages: ['postern.yaml:3:5: plugins.web.comand: unknown key; did you mean "command"?'],
  },
  {
    name: 'a plugin with nothing',
    text: 'plugins:\n  web:\n',
    messages: ['postern.yaml:2:7: plugins.web: expected a map with the key command, not nothing'],
  },
  {
    name: 'a plugin without a command',
    text: 'plugins:\n  web:\n    allow: [api.example.com]\n',
    messages: [
      'postern.yaml:3:5: plugins.web.command: missing: expected a list: the program and its arguments, for example [node, server.js]',
    ],
  },
  {
    name: 'a command as one string',
    text: 'plugins:\n  web:\n    command: node server.js --port 80\n',
    messages: [
      'postern.yaml:3:14: plugins.web.command: expected a list: the program and its arguments, for example [node, server.js], not "node server.js --port 80"; write [node, server.js, --port, 80]',
    ],
  },
  {
    name: 'a command as a string with a glob',
    text: 'plugins:\n  web:\n    command: ls *.js\n',
    messages: [
      'postern.yaml:3:14: plugins.web.command: expected a list: the program and its arguments, for example [node, server.js], not "ls *.js"; write [ls, "*.js"]',
    ],
  },
  {
    name: 'an empty command',
    text: 'plugins:\n  web:\n    command: []\n',
    messages: [
      'postern.yaml:3:14: plugins.web.command: expected a list with the program at least, for example [node, server.js], not an empty list',
    ],
  },
  {
    name: 'a command whose program is empty',
    text: 'plugins:\n  web:\n    command: [""]\n',
    messages: ['postern.yaml:3:15: plugins.web.command[0]: expected a program, not ""'],
  },
  {
    name: 'a number among the arguments',
    text: 'plugins:\n  web:\n    command: [sleep, 10]\n',
    messages: ['postern.yaml:3:22: plugins.web.command[1]: expected a string, not 10; write "10"'],
  },
  {
    name: 'a name in capitals',
    text: 'plugins:\n  Web Server: {command: [node]}\n',
    messages: [
      'postern.yaml:2:3: plugins.Web Server: not a name of a-z, 0-9, _ and -, at most 63 characters, a letter or digit first; write web-server',
    ],
  },
  {
    name: 'a name too long',
    text: `plugins:\n  ${'a'.repeat(64)}: {command: [node]}\n`,
    messages: [
      'postern.yaml:2:3: plugins.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: not a name of a-z, 0-9, _ and -, at most 63 characters, a letter or digit first; write aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    ],
  },
  {
    name: 'the name __proto__',
    text: 'plugins:\n  __proto__: {command: [node]}\n',
    messages: ['postern.yaml:2:3: unknown key "__proto__"'],
  },
  {
    name: 'a name twice',
    text: 'plugins:\n  web: {command: [node]}\n  web: {command: [python3]}\n',
    messages: ['postern.yaml:3:3: the key "web" stands here a second time; give each key once'],
  },
  {
    name: 'a name twice, once in quotes',
    text: 'plugins:\n  web: {command: [node]}\n  "web": {command: [python3]}\n',
    messages: ['postern.yaml:3:3: the key "web" stands here a second time; give each key once'],
  },
  {
    name: 'a version as a variable',
    text: web('    env: {VERSION: 1.10, MASK: 022}\n'),
    messages: [
      'postern.yaml:4:20: plugins.web.env.VERSION: expected a string, not 1.10; write "1.10"',
      'postern.yaml:4:32: plugins.web.env.MASK: expected a string, not 022; write "022"',
    ],
  },
  {
    name: 'a NUL character in an argument',
    text: 'plugins:\n  web:\n    command: [node, "a\\0b"]\n',
    messages: ['postern.yaml:3:21: a NUL character ends a text; leave it out'],
  },
  {
    name: 'a merge of YAML 1.1',
    text: 'plugins:\n  web: &web {command: [node]}\n  api:\n    <<: *web\n    command: [node]\n',
    messages: [
      'postern.yaml:4:5: plugins.api.<<: unknown key; what is common to all plugins stands under defaults',
    ],
  },
  {
    name: 'a home for all plugins',
    text: 'defaults:\n  home: ./home\nplugins:\n  web: {command: [node], home: ""}\n',
    messages: [
      'postern.yaml:2:3: defaults.home: unknown key; each plugin has its own: it belongs to a plugin',
      'postern.yaml:4:32: plugins.web.home: expected a folder, not ""',
    ],
  },
  {
    name: 'a key twice',
    text: web('    allow: [api.example.com]\n    allow: [db.example.com]\n'),
    messages: ['postern.yaml:5:5: the key "allow" stands here a second time; give each key once'],
  },
  {
    name: 'a number as a variable',
    text: web('    env:\n      PORT: 8080\n'),
    messages: ['postern.yaml:5:13: plugins.web.env.PORT: expected a string, not 8080; write "8080"'],
  },
  {
    name: 'true as a variable',
    text: web('    env: {DEBUG: true}\n'),
    messages: ['postern.yaml:4:18: plugins.web.env.DEBUG: expected a string, not true; write "true"'],
  },
  {
    name: 'an empty variable',
    text: web('    env:\n      TOKEN:\n'),
    messages: ['postern.yaml:5:13: plugins.web.env.TOKEN: expected a string, not nothing'],
  },
  {
    name: 'variables as a list',
    text: web('    env: [A=1]\n'),
    messages: [
      'postern.yaml:4:10: plugins.web.env: expected a map of strings, as {LOG_LEVEL: info}, not a list',
    ],
  },
  {
    name: 'a variable with a hyphen',
    text: web('    env: {LOG-LEVEL: info}\n'),
    messages: [
      'postern.yaml:4:11: plugins.web.env.LOG-LEVEL: not a name of letters, digits and _, a letter or _ first',
    ],
  },
  {
    name: 'a variable that postern sets',
    text: web('    env: {POSTERN_REQUEST_FD: "3", LISTEN_FDS: "1"}\n'),
    messages: [
      'postern.yaml:4:11: plugins.web.env.POSTERN_REQUEST_FD: postern sets this variable itself; leave it out',
      'postern.yaml:4:36: plugins.web.env.LISTEN_FDS: postern sets this variable itself; leave it out',
    ],
  },
  {
    name: 'one rule without a list',
    text: web('    allow: api.example.com\n'),
    messages: [
      'postern.yaml:4:12: plugins.web.allow: expected a list of rules such as [api.example.com, 10.1.0.0/16:5432], not "api.example.com"; write [api.example.com]',
    ],
  },
  {
    name: 'a rule with a scheme',
    text: web('    allow: [https://api.example.com/v1]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: The rule "https://api.example.com/v1" has the scheme "https": rules are for TCP, and say host and port; write "api.example.com"',
    ],
  },
  {
    name: 'a wildcard without quotes',
    text: web('    allow: [*.example.com]\n'),
    messages: [
      'postern.yaml:4:13: *.example.com without quotes is an alias of YAML, and nothing has that anchor; write "*.example.com"',
    ],
  },
  {
    name: 'a star without quotes',
    text: web('    allow:\n      - *\n'),
    messages: ['postern.yaml:5:9: * without quotes is an alias of YAML; write "*"'],
  },
  {
    name: 'a class without quotes',
    text: web('    allow:\n      - @private:443\n'),
    messages: ['postern.yaml:5:9: a value cannot begin with @ without quotes; write "@private:443"'],
  },
  {
    name: 'an IPv6 address without quotes',
    text: web('    allow:\n      - [::1]:443\n'),
    messages: [
      'postern.yaml:5:14: an address in brackets is a list of YAML without quotes; write it as "[::1]:443"',
    ],
  },
  {
    name: 'an IPv6 address without quotes in brackets',
    text: web('    allow: [[::1]:443]\n'),
    messages: [
      'postern.yaml:4:13: a list or map cannot be a key; an address in brackets needs quotes, for example "[::1]:443"',
    ],
  },
  {
    name: 'a wildcard over a public suffix',
    text: web('    allow: ["*.co.uk"]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: The rule "*.co.uk" is a wildcard over "co.uk", under which anyone can register a name; write "*.example.co.uk"',
    ],
  },
  {
    name: 'a wildcard inside',
    text: web('    allow: ["api.*.example.com"]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: The rule "api.*.example.com" has a wildcard inside: only a whole first label can be one; write "*.example.com"',
    ],
  },
  {
    name: 'a port too high',
    text: web('    allow: ["api.example.com:70000"]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: The rule "api.example.com:70000" has a bad port: ports are "*", or numbers from 1 to 65535 and ranges of them; write "api.example.com"',
    ],
  },
  {
    name: 'a prefix with host bits',
    text: web('    deny: [10.1.2.3/8]\n'),
    messages: [
      'postern.yaml:4:12: plugins.web.deny[0]: The rule "10.1.2.3/8" has bits set after its prefix length; write "10.0.0.0/8"',
    ],
  },
  {
    name: 'a rule that is a number',
    text: web('    allow: [443]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: expected a rule such as api.example.com:443, not 443',
    ],
  },
  {
    name: 'two bad rules in two lists',
    text: web('    allow: [a b.example.com]\n    deny: ["@privat"]\n'),
    messages: [
      'postern.yaml:4:13: plugins.web.allow[0]: The rule "a b.example.com" has white space or a control character in it',
      `postern.yaml:5:12: plugins.web.deny[0]: The rule "@privat" names no class: there are @${RULE_CLASSES.join(', @')}`,
    ],
  },
  {
    name: 'a mode that is none',
    text: web('    mode: enforced\n'),
    messages: [
      'postern.yaml:4:11: plugins.web.mode: expected enforce or audit, not "enforced"; did you mean "enforce"?',
    ],
  },
  {
    name: 'an egress that is none',
    text: web('    egress: proxy\n'),
    messages: ['postern.yaml:4:13: plugins.web.egress: expected transparent or channel, not "proxy"'],
  },
  {
    name: 'restart as a word',
    text: web('    restart: always\n'),
    messages: [
      'postern.yaml:4:14: plugins.web.restart: expected a map, as {policy: on-failure}, not "always"; write {policy: always}',
    ],
  },
  {
    name: 'a restart policy mistyped',
    text: web('    restart: {policy: on_failure}\n'),
    messages: [
      'postern.yaml:4:23: plugins.web.restart.policy: expected no, on-failure or always, not "on_failure"; did you mean "on-failure"?',
    ],
  },
  {
    name: 'a key cut short',
    text: web('    restart: {policy: always, delay: 500}\n'),
    messages: ['postern.yaml:4:31: plugins.web.restart.delay: unknown key; did you mean "delay_ms"?'],
  },
  {
    name: 'a delay in words',
    text: web('    restart: {policy: always, delay_ms: 5s}\n'),
    messages: [
      'postern.yaml:4:41: plugins.web.restart.delay_ms: expected a whole number from 10 to 3600000, not "5s"; write 5000',
    ],
  },
  {
    name: 'a delay as a string',
    text: web('    restart: {policy: always, delay_ms: "500"}\n'),
    messages: [
      'postern.yaml:4:41: plugins.web.restart.delay_ms: expected a whole number from 10 to 3600000, not "500"; write 500',
    ],
  },
  {
    name: 'a limit of zero',
    text: web('    limits: {concurrent_requests: 0}\n'),
    messages: [
      'postern.yaml:4:35: plugins.web.limits.concurrent_requests: expected a whole number from 1 to 10000, not 0',
    ],
  },
  {
    name: 'a limit with a fraction',
    text: web('    limits: {requests_per_second: 1.5}\n'),
    messages: [
      'postern.yaml:4:35: plugins.web.limits.requests_per_second: expected a whole number from 1 to 1000000, not 1.5',
    ],
  },
  {
    name: 'too many descriptors',
    text: web('    limits: {descriptors: 100000}\n'),
    messages: [
      'postern.yaml:4:27: plugins.web.limits.descriptors: expected a whole number from 16 to 8192, not 100000',
    ],
  },
  {
    name: 'a limit of memory with its unit',
    text: web('    limits: {memory_mib: 512m}\n'),
    messages: [
      'postern.yaml:4:26: plugins.web.limits.memory_mib: expected a whole number from 16 to 16777216, not "512m"; write 512',
    ],
  },
  {
    name: 'limits of connections that are none: nothing, less, a part, more than a sum can be',
    text: web(
      '    limits:\n      sent_mib: 0\n      received_mib: -1\n      connection_seconds: 1.5\n      bytes_per_second: 1e30\n',
    ),
    messages: [
      'postern.yaml:5:17: plugins.web.limits.sent_mib: expected a whole number from 1 to 1073741824, not 0',
      'postern.yaml:6:21: plugins.web.limits.received_mib: expected a whole number from 1 to 1073741824, not -1',
      'postern.yaml:7:27: plugins.web.limits.connection_seconds: expected a whole number from 1 to 1000000000, not 1.5',
      'postern.yaml:8:25: plugins.web.limits.bytes_per_second: expected a whole number from 1024 to 100000000000, not 1e30',
    ],
  },
  {
    name: 'a limit of no processes',
    text: web('    limits: {processes: 0}\n'),
    messages: [
      'postern.yaml:4:25: plugins.web.limits.processes: expected a whole number from 1 to 1000000, not 0',
    ],
  },
  {
    name: 'a limit mistyped',
    text: web('    limits: {request_per_second: 10}\n'),
    messages: [
      'postern.yaml:4:14: plugins.web.limits.request_per_second: unknown key; did you mean "requests_per_second"?',
    ],
  },
  {
    name: 'filesystem as a list',
    text: web('    filesystem: [./data]\n'),
    messages: [
      'postern.yaml:4:17: plugins.web.filesystem: expected a map with visible, writable and hidden, not a list',
    ],
  },
  {
    name: 'a listener without a name',
    text: web('    listen: [{address: "127.0.0.1:8080"}]\n'),
    messages: ['postern.yaml:4:14: plugins.web.listen[0].name: missing: expected a name, as http'],
  },
  {
    name: 'a listener as a string',
    text: web('    listen: ["127.0.0.1:8080"]\n'),
    messages: [
      'postern.yaml:4:14: plugins.web.listen[0]: expected a map, as {name: http, address: 127.0.0.1:8080}, not "127.0.0.1:8080"',
    ],
  },
  {
    name: 'two listeners of one name',
    text: web(
      '    listen:\n      - {name: http, address: "127.0.0.1:8080"}\n      - {name: http, address: "127.0.0.1:8081"}\n',
    ),
    messages: ['postern.yaml:6:16: plugins.web.listen[1].name: Two listeners are named "http"'],
  },
  {
    name: 'listeners of two plugins at one address, and at one path',
    text: 'plugins:\n  web:\n    command: [node]\n    listen: [{name: a, address: "127.0.0.1:8080"}, {name: b, address: ./b.sock}]\n  api:\n    command: [node]\n    listen: [{name: a, address: "127.0.0.1:8080"}, {name: b, address: b/../b.sock}]\n',
    messages: [
      'postern.yaml:7:33: plugins.api.listen[0].address: postern.yaml:4 has that address already',
      'postern.yaml:7:71: plugins.api.listen[1].address: postern.yaml:4 has that address already',
    ],
  },
  {
    name: 'a listener on a name',
    text: web('    listen: [{name: http, address: "localhost:8080"}]\n'),
    messages: [
      'postern.yaml:4:36: plugins.web.listen[0].address: Cannot listen on "localhost:8080": a name may stand for several addresses; write 127.0.0.1:8080',
    ],
  },
  {
    name: 'a listener on a port without an address',
    text: web('    listen: [{name: http, address: "8080"}]\n'),
    messages: [
      'postern.yaml:4:36: plugins.web.listen[0].address: Cannot listen on "8080": it names no address; write 127.0.0.1:8080',
    ],
  },
  {
    name: 'a listener with a space in its name',
    text: web('    listen: [{name: my http, address: "127.0.0.1:8080"}]\n'),
    messages: [
      'postern.yaml:4:21: plugins.web.listen[0].name: Not a listener\'s name: "my http"; use letters, digits, ".", "_" and "-", at most 64',
    ],
  },
  {
    name: 'a listener on a number',
    text: web('    listen: [{name: http, address: 8080}]\n'),
    messages: [
      'postern.yaml:4:36: plugins.web.listen[0].address: expected an address such as 127.0.0.1:8080, or the path of a UNIX socket, not 8080',
    ],
  },
  {
    name: 'metrics as a port',
    text: 'metrics: 9464\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:10: metrics: expected HOST:PORT, for example 127.0.0.1:9464, not 9464; write 127.0.0.1:9464',
    ],
  },
  {
    name: 'metrics without a port',
    text: 'metrics: localhost\nplugins:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:10: metrics: expected HOST:PORT, not "localhost"; write 127.0.0.1:9464'],
  },
  {
    name: 'an audit log in a folder that does not exist',
    text: 'audit: ./log/audit.json\nplugins:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:8: audit: the folder "DIR/log" does not exist; make it, or name another'],
  },
  {
    name: 'an audit log that is a number',
    text: 'audit: 7\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:8: audit: expected stderr, stdout or a path, or a map, as {to: stderr, when_full: block}, not 7',
    ],
  },
  {
    name: 'an audit log as a map, with a mistyped key and an unknown word',
    text: 'audit: {to: 7, whenfull: drop, when_full: blocks}\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:13: audit.to: expected stderr, stdout or a path, not 7',
      'postern.yaml:1:16: audit.whenfull: unknown key; did you mean "when_full"?',
      'postern.yaml:1:43: audit.when_full: expected drop or block, not "blocks"; did you mean "block"?',
    ],
  },
  {
    name: 'an audit log as a map, in a folder that does not exist',
    text: 'audit: {to: ./log/audit.json, when_full: block}\nplugins:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:13: audit.to: the folder "DIR/log" does not exist; make it, or name another'],
  },
  {
    name: 'an audit log that is a folder',
    text: 'audit: ./\nplugins:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:8: audit: "DIR" is a folder; name a file in it'],
  },
  {
    name: 'a DNS server by name',
    text: 'dns: [dns.example.com]\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:7: dns[0]: expected an address such as 127.0.0.53 or [::1]:53, not "dns.example.com"',
    ],
  },
  {
    name: 'after a plugin that does not exist',
    text: 'plugins:\n  web: {command: [node], after: [databse]}\n  database: {command: [postgres]}\n',
    messages: [
      'postern.yaml:2:34: plugins.web.after[0]: there is no plugin "databse"; did you mean "database"?',
    ],
  },
  {
    name: 'plugins after one another',
    text: 'plugins:\n  a: {command: [x], after: [b]}\n  b: {command: [x], after: [a]}\n',
    messages: ['postern.yaml:2:28: plugins.a.after: goes in a circle: a after b after a'],
  },
  {
    name: 'a preset that does not exist',
    text: web('    presets: [./missing.yaml]\n'),
    messages: [
      'postern.yaml:4:15: plugins.web.presets[0]: "missing.yaml" cannot be read: there is no such file; name a file that holds allow: and deny: lists, or one of postern presets',
    ],
  },
  {
    name: 'a preset with a bad rule and a bad key',
    text: web('    presets: [./preset.yaml]\n'),
    files: { 'preset.yaml': 'alow: [x.example.com]\ndeny:\n  - "http://tracker.example.com"\n' },
    messages: [
      'preset.yaml:1:1: alow: unknown key; did you mean "allow"?',
      'preset.yaml:3:5: deny[0]: The rule "http://tracker.example.com" has the scheme "http": rules are for TCP, and say host and port; write "tracker.example.com:80"',
    ],
  },
  {
    name: 'a tab',
    text: 'plugins:\n\tweb: {command: [node]}\n',
    messages: ['postern.yaml:2:1: a tab cannot indent; use spaces'],
  },
  {
    name: 'a bracket that is not closed',
    text: 'plugins:\n  web:\n    command: [node, server.js\n    allow: [api.example.com]\n',
    messages: ['postern.yaml:4:5: a list or map in brackets is not closed; close it with ] or }'],
  },
  {
    name: 'a quote that is not closed',
    text: 'plugins:\n  web:\n    command: ["node, server.js]\n',
    messages: [
      'postern.yaml:4:1: a quote is not closed',
      'postern.yaml:4:1: a list or map in brackets is not closed; close it with ] or }',
    ],
  },
  {
    name: 'an indentation that fits nowhere',
    text: 'plugins:\n  web:\n    command: [node]\n   allow: [api.example.com]\n',
    messages: [
      'postern.yaml:4:1: this line is indented unlike its neighbours; give all keys of a map one indentation',
    ],
  },
  {
    name: 'two colons in a line',
    text: 'plugins:\n  web: command: [node]\n',
    messages: [
      'postern.yaml:2:8: a second ": " in one line; put the value in quotes, or on lines of its own',
    ],
  },
  {
    name: 'a key without a colon',
    text: 'plugins\n  web\n',
    messages: ['postern.yaml:1:1: expected a map with the key plugins, not a text'],
  },
  {
    name: 'a second document',
    text: 'plugins:\n  web: {command: [node]}\n---\nplugins: {}\n',
    messages: ['postern.yaml:3:1: a second document begins here; keep one document a file'],
  },
  {
    name: 'a tag',
    text: 'plugins:\n  web: !!js/function {command: [node]}\n',
    messages: ['postern.yaml:2:8: the tag !!js/function means nothing here; leave it out'],
  },
  {
    name: 'a tag that YAML knows',
    text: 'plugins:\n  web: {command: [!!binary bm9kZQ==]}\n',
    messages: ['postern.yaml:2:19: the tag !!binary means nothing here; leave it out'],
  },
  {
    name: 'another version of YAML',
    text: '%YAML 1.1\n---\nplugins:\n  web: {command: [node]}\n',
    messages: ['postern.yaml:1:1: YAML 1.1 reads some values otherwise; leave the line %YAML out'],
  },
  {
    name: 'no name server',
    text: 'dns: []\nplugins:\n  web: {command: [node]}\n',
    messages: [
      'postern.yaml:1:6: dns: expected at least one address; leave the key out for those of /etc/resolv.conf, not an empty list',
    ],
  },
  {
    name: 'an anchor that explodes',
    text: 'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\nplugins: *e\n',
    messages: ['postern.yaml:6:10: the aliases multiply to more than 10000 nodes'],
  },
  {
    name: 'nested without end',
    text: `plugins: ${'['.repeat(20_000)}`,
    messages: ['postern.yaml: is nested too deeply: more than 100 lists and maps'],
  },
  {
    name: 'nested without end by hyphens',
    text: '- '.repeat(2_000_000),
    messages: ['postern.yaml: is nested too deeply: more than 100 lists and maps'],
  },
  {
    name: 'a key and a folder that would act on a terminal',
    text: 'audit: "a\\nb\\e[2J/log"\nplugins:\n  web:\n    command: [node]\n    "x\\u202e": 1\n',
    messages: [
      'postern.yaml:1:8: audit: the folder "DIR/a\\u000ab\\u001b[2J" does not exist; make it, or name another',
      `postern.yaml:5:5: plugins.web.x\\u202e: unknown key; there are ${PLUGIN_KEYS.join(', ')}`,
    ],
  },
  {
    name: 'a call as a string',
    text: web('    seccomp: {allow: adjtimex}\n'),
    messages: [
      'postern.yaml:4:22: plugins.web.seccomp.allow: expected a list of system calls, for example [adjtimex], not "adjtimex"; write [adjtimex]',
    ],
  },
  {
    name: 'calls that are none, mistyped, ordinary, or under the wrong key',
    text: web(
      '    seccomp:\n      allow: [adjtimx, "read\\n", kcmp]\n      unsafe_allow: [perf_event_opn, ustat]\n',
    ),
    messages: [
      'postern.yaml:5:15: plugins.web.seccomp.allow[0]: "adjtimx" cannot be added: it is unknown, or every plugin has it; did you mean "adjtimex"?',
      'postern.yaml:5:24: plugins.web.seccomp.allow[1]: "read\\u000a" cannot be added: it is unknown, or every plugin has it',
      'postern.yaml:5:34: plugins.web.seccomp.allow[2]: "kcmp" weakens a guarantee: it reaches into other processes: only those of the sandbox, if the kernel keeps namespaces apart; it belongs under unsafe_allow',
      'postern.yaml:6:22: plugins.web.seccomp.unsafe_allow[0]: "perf_event_opn" cannot be added: it is unknown, or every plugin has it; did you mean "perf_event_open"?',
      'postern.yaml:6:38: plugins.web.seccomp.unsafe_allow[1]: "ustat" weakens no guarantee; it belongs under allow',
    ],
  },
  {
    name: 'calls that no key adds',
    text: 'defaults:\n  seccomp: {unsafe_allow: [setns, setsockopt]}\nplugins:\n  web: {command: [node], seccomp: {allow: [connect]}}\n',
    messages: [
      'postern.yaml:2:28: defaults.seccomp.unsafe_allow[0]: "setns" can never be added: it enters another namespace',
      'postern.yaml:2:35: defaults.seccomp.unsafe_allow[1]: "setsockopt" can never be added: postern decides by its arguments, and every plugin has it with harmless ones',
      'postern.yaml:4:44: plugins.web.seccomp.allow[0]: "connect" can never be added: the broker answers or refuses it: executed as it is, it could connect a socket of the host to any peer',
    ],
  },
  {
    name: 'a mistyped key of seccomp',
    text: web('    seccomp: {unsafe: [kcmp]}\n'),
    messages: ['postern.yaml:4:15: plugins.web.seccomp.unsafe: unknown key; did you mean "unsafe_allow"?'],
  },
  {
    name: 'a preset that fails to be read',
    text: web('    presets: [/proc/self/mem]\n'),
    messages: ['postern.yaml:4:15: plugins.web.presets[0]: "/proc/self/mem" cannot be read: EIO'],
  },
  {
    name: 'everything at once',
    text: 'metrics: 9464\nplugin: {}\ndefaults: {mode: audited}\nplugins:\n  Web:\n    comand: [node]\n    cwd: /\n    allow: [https://x.example.com]\n    env: {A: 1}\n',
    messages: [
      'postern.yaml:1:10: metrics: expected HOST:PORT, for example 127.0.0.1:9464, not 9464; write 127.0.0.1:9464',
      'postern.yaml:2:1: plugin: unknown key; did you mean "plugins"?',
      'postern.yaml:3:18: defaults.mode: expected enforce or audit, not "audited"; did you mean "audit"?',
      'postern.yaml:5:3: plugins.Web: not a name of a-z, 0-9, _ and -, at most 63 characters, a letter or digit first; write web',
      'postern.yaml:6:5: plugins.Web.comand: unknown key; did you mean "command"?',
      'postern.yaml:8:13: plugins.Web.allow[0]: The rule "https://x.example.com" has the scheme "https": rules are for TCP, and say host and port; write "x.example.com"',
      'postern.yaml:9:14: plugins.Web.env.A: expected a string, not 1; write "1"',
    ],
  },
  {
    name: 'gateways for what is no host of the plugin',
    text: web(
      '    allow: [api.example.com, "*.example.org:1-99", "*.example.com"]\n    gateway:\n      "*.example.com": {}\n      192.0.2.1: {}\n      localhost: {}\n      api.example.com: {}\n      API.example.com.: {}\n      a.example.org: {}\n      example.net: {}\n',
    ),
    messages: [
      'postern.yaml:6:7: plugins.web.gateway.*.example.com: a gateway is for one host: a wildcard has no certificate that every program takes; name one host, as api.example.com',
      'postern.yaml:7:7: plugins.web.gateway.192.0.2.1: a gateway is for a name: a connection to an address does not say for which host it is; name one host, as api.example.com',
      'postern.yaml:8:7: plugins.web.gateway.localhost: the sandbox itself; name one host, as api.example.com',
      'postern.yaml:10:7: plugins.web.gateway.API.example.com.: it is the same host as "api.example.com"',
      'postern.yaml:11:7: plugins.web.gateway.a.example.org: its rules open more than 16 ports; allow a.example.org:443 alone',
      'postern.yaml:12:7: plugins.web.gateway.example.net: no rule allows this host; add example.net to allow',
    ],
  },
  {
    name: 'a gateway beside rules for addresses, and without a DNS of its own',
    text: web(
      '    allow: [api.example.com, 192.0.2.0/24, "@private:1-500", "192.0.2.1:80", "*"]\n    egress: channel\n    gateway:\n      api.example.com: {}\n',
    ),
    messages: [
      'postern.yaml:7:7: plugins.web.gateway: with egress channel no connection leads to a gateway: it is a connect(2) within the sandbox; write egress: transparent',
      'postern.yaml:7:7: plugins.web.gateway: the rule "192.0.2.0/24" (postern.yaml:4) opens addresses on port 443, past the gateway; allow hosts by their names, these addresses on other ports, or gateway.HOST.addresses',
      'postern.yaml:7:7: plugins.web.gateway: the rule "@private:1-500" (postern.yaml:4) opens addresses on port 443, past the gateway; allow hosts by their names, these addresses on other ports, or gateway.HOST.addresses',
    ],
  },
  {
    name: 'a gateway whose parts do not fit',
    text: `secrets:
  Upper: {file: x}
  two: {file: x, env: Y}
  none: {}
  good: {env: TOKEN}
${web(`    allow: [api.example.com]
    env: {KEY: x}
    gateway:
      api.example.com:
        headers: {host: a, X-A: "{god}", x-a: b, x-b: "{", "x c": d}
        placeholder: {name: KEY, secret: gud, in: [X-A, content-length]}
        allow: [GET, read-onli, "GET /a/../b", "GET /a;v=1", "GET /?a=1;b"]
        deny: [read-only, "GET /a;v=1"]
        ca: missing.pem
        reflect: maybe
`)}`,
    messages: [
      'postern.yaml:2:3: secrets.Upper: not a name of a-z, 0-9, _ and -, a letter or digit first',
      'postern.yaml:3:8: secrets.two: expected one of file, env, credential and command; write {file: PATH}, for example',
      'postern.yaml:4:9: secrets.none: expected one of file, env, credential and command; write {file: PATH}, for example',
      'postern.yaml:13:19: plugins.web.gateway.api.example.com.headers.host: the gateway itself decides about this header',
      'postern.yaml:13:33: plugins.web.gateway.api.example.com.headers.X-A: there is no secret "god"; did you mean "good"?',
      'postern.yaml:13:42: plugins.web.gateway.api.example.com.headers.x-a: this header stands here already',
      'postern.yaml:13:55: plugins.web.gateway.api.example.com.headers.x-b: a { without its }, or the other way round; write "Bearer {NAME}", for example',
      'postern.yaml:13:60: plugins.web.gateway.api.example.com.headers.x c: not the name of a header',
      'postern.yaml:14:29: plugins.web.gateway.api.example.com.placeholder.name: env sets KEY too; leave it out there',
      'postern.yaml:14:42: plugins.web.gateway.api.example.com.placeholder.secret: there is no secret "gud"; did you mean "good"?',
      'postern.yaml:14:52: plugins.web.gateway.api.example.com.placeholder.in[0]: headers sets this header, whatever the program sends; leave it out in one place',
      'postern.yaml:14:57: plugins.web.gateway.api.example.com.placeholder.in[1]: the gateway itself decides about this header',
      'postern.yaml:15:17: plugins.web.gateway.api.example.com.allow[0]: not a rule for a method and a path; write a method and a path, as "GET /repos/*/issues", or "* /public/**" for every method',
      'postern.yaml:15:22: plugins.web.gateway.api.example.com.allow[1]: not a rule for a method and a path; did you mean "read-only"?',
      'postern.yaml:15:33: plugins.web.gateway.api.example.com.allow[2]: not as it is matched; write /b',
      'postern.yaml:15:48: plugins.web.gateway.api.example.com.allow[3]: no request fits: servers read a segment with ; in more than one way; write * for the segment',
      'postern.yaml:15:62: plugins.web.gateway.api.example.com.allow[4]: no request fits: servers read a query with ; in more than one way; write %3B for the letter, or & between parameters',
      'postern.yaml:16:16: plugins.web.gateway.api.example.com.deny[0]: not a rule for a method and a path; write a method and a path, as "GET /repos/*/issues", or "* /public/**" for every method',
      'postern.yaml:17:13: plugins.web.gateway.api.example.com.ca: "missing.pem" is no file; paths are relative to the file',
      'postern.yaml:18:18: plugins.web.gateway.api.example.com.reflect: expected mask or allow, not "maybe"',
    ],
  },
  {
    name: 'a placeholder that the defaults of all plugins would replace',
    text: `defaults: {env: {KEY: x}}
secrets: {good: {env: TOKEN}}
${web(`    allow: [api.example.com]
    gateway:
      api.example.com:
        placeholder: {name: KEY, secret: good, in: [X-A]}
`)}`,
    messages: [
      'postern.yaml:9:29: plugins.web.gateway.api.example.com.placeholder.name: defaults.env sets KEY too; leave it out there',
    ],
  },
  {
    name: 'a gateway that cannot sign',
    text: `secrets: {id: {env: ID}, key: {env: KEY}}
${web(`    allow: [api.example.com, s3.example.com]
    gateway:
      api.example.com:
        headers: {Authorization: "{key}", x-amz-DATE: now, x-amz-meta-a: b}
        placeholder: {name: KEY, secret: key, in: [X-Amz-Security-Token]}
        sign:
          aws: {access_key_id: id, secret_access_key: kye, session_token: token, region: eu-central-1, service: s3}
      s3.example.com:
        sign: {aws: {access_key_id: id, secret_access_key: key, region: EU, service: "s3/x"}}
`)}`,
    messages: [
      'postern.yaml:8:34: plugins.web.gateway.api.example.com.headers.Authorization: sign sets this header; leave it out in one place',
      'postern.yaml:8:55: plugins.web.gateway.api.example.com.headers.x-amz-DATE: sign sets this header; leave it out in one place',
      'postern.yaml:9:52: plugins.web.gateway.api.example.com.placeholder.in[0]: sign sets this header; leave it out in one place',
      'postern.yaml:11:55: plugins.web.gateway.api.example.com.sign.aws.secret_access_key: there is no secret "kye"; did you mean "key"?',
      'postern.yaml:11:75: plugins.web.gateway.api.example.com.sign.aws.session_token: there is no secret "token"',
      'postern.yaml:13:73: plugins.web.gateway.s3.example.com.sign.aws.region: expected a region, as eu-central-1, not "EU"',
      'postern.yaml:13:86: plugins.web.gateway.s3.example.com.sign.aws.service: expected a service, as s3, not "s3/x"',
    ],
  },
];
