// The presets that come with postern: the hosts of services that many programs use, by a name. `presets: [npm]` and `--preset npm` name one. A preset opens
// what the service's ordinary client needs to fetch, and no more: no telemetry, no update of the client itself.
//
// Who may write at a host matters as much as its name. A preset whose hosts take what anyone sends is an open way out: `note` says so, and `postern presets`
// shows it.
import type { PlacedRules } from './placed-rules.js';

interface ShippedPreset {
  /** What it opens, in one line. */
  readonly what: string;
  readonly allow: readonly string[];
  /** Where the vendor, or its client, names the hosts. */
  readonly source: string;
  /** What one should know who opens it. */
  readonly note?: string;
}

/** When the sources were last read. */
export const PRESETS_DATE = '2026-11-29';

const PUBLISHES = 'a program with the password or token of an account there can publish to it';

export const SHIPPED_PRESETS: Readonly<Record<string, ShippedPreset>> = {
  npm: {
    what: 'packages of the npm registry',
    allow: ['registry.npmjs.org'],
    source: 'https://docs.npmjs.com/cli/using-npm/registry',
    note: PUBLISHES,
  },
  pypi: {
    what: 'packages of PyPI',
    allow: ['pypi.org', 'files.pythonhosted.org'],
    source: 'https://docs.pypi.org/api/index-api/',
  },
  crates: {
    what: 'crates of crates.io',
    allow: ['index.crates.io', 'static.crates.io'],
    source: 'https://doc.rust-lang.org/cargo/reference/registries.html',
  },
  go: {
    what: 'Go modules, and their checksums',
    allow: ['proxy.golang.org', 'sum.golang.org'],
    source: 'https://go.dev/ref/mod#module-proxy',
  },
  github: {
    what: 'repositories, releases and the API of GitHub',
    allow: [
      'github.com',
      'api.github.com',
      'codeload.github.com',
      'objects.githubusercontent.com',
      'raw.githubusercontent.com',
      'release-assets.githubusercontent.com',
    ],
    source: 'https://docs.github.com/en/actions/reference/runners/self-hosted-runners',
    note: PUBLISHES,
  },
  gitlab: {
    what: 'repositories and the API of GitLab.com',
    allow: ['gitlab.com'],
    source: 'https://docs.gitlab.com/user/gitlab_com/',
    note: PUBLISHES,
  },
  'docker-hub': {
    what: 'images of Docker Hub',
    allow: [
      'auth.docker.io',
      'registry-1.docker.io',
      'production.cloudflare.docker.com',
      'production.cloudfront.docker.com',
      'docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com',
    ],
    source: 'https://docs.docker.com/desktop/setup/allow-list/',
    note: PUBLISHES,
  },
  debian: {
    what: 'packages of Debian',
    allow: ['deb.debian.org:80,443', 'security.debian.org:80,443'],
    source: 'https://deb.debian.org/',
  },
  ubuntu: {
    what: 'packages of Ubuntu',
    allow: ['archive.ubuntu.com:80,443', 'security.ubuntu.com:80,443', 'ports.ubuntu.com:80,443'],
    source: 'https://documentation.ubuntu.com/server/how-to/software/package-management/',
  },
  openai: {
    what: 'the API of OpenAI',
    allow: ['api.openai.com'],
    source: 'https://platform.openai.com/docs/api-reference',
  },
  anthropic: {
    what: 'the API of Anthropic',
    allow: ['api.anthropic.com'],
    source: 'https://docs.anthropic.com/en/api/overview',
  },
  google: {
    what: 'the Gemini API of Google',
    allow: ['generativelanguage.googleapis.com'],
    source: 'https://ai.google.dev/api',
  },
  'aws-s3': {
    what: 'buckets of Amazon S3 in the regions that are on by default',
    allow: [
      's3.amazonaws.com',
      ...[
        ...['us-east-1', 'us-east-2', 'us-west-1', 'us-west-2', 'ca-central-1', 'sa-east-1'],
        ...['eu-central-1', 'eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-north-1'],
        ...[
          'ap-south-1',
          'ap-southeast-1',
          'ap-southeast-2',
          'ap-northeast-1',
          'ap-northeast-2',
          'ap-northeast-3',
        ],
      ].map((region) => `**.s3.${region}.amazonaws.com`),
    ],
    source: 'https://docs.aws.amazon.com/general/latest/gr/s3.html',
    note: 'anyone can make a bucket there, so this is an open way out: name your own bucket instead, as example.s3.eu-west-1.amazonaws.com; a gateway can sign for it, with a key that the program never holds',
  },
};

export const presetNames: readonly string[] = Object.keys(SHIPPED_PRESETS);

/** What stands for FILE:LINE at a rule of a preset. */
export const presetPlace = (name: string): string => `preset ${name}`;

/** The rules of a preset; undefined: none has this name. */
export function shippedPreset(name: string): PlacedRules | undefined {
  if (!Object.hasOwn(SHIPPED_PRESETS, name)) return undefined;
  const place = presetPlace(name);
  return { allow: SHIPPED_PRESETS[name]?.allow.map((text) => ({ text, place })) ?? [], deny: [] };
}
