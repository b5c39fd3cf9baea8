// The processor's architecture, and the version of Node.
import type { Check } from './check-result.js';
import type { HostFacts } from './host-facts.js';

const ARCHITECTURES = ['x64', 'arm64'];
const LEAST_NODE = 20;

export function checkArchitecture({ architecture }: HostFacts): Check {
  const good = ARCHITECTURES.includes(architecture);
  return {
    name: 'architecture',
    state: good ? 'ok' : 'missing',
    found: architecture,
    needed: ARCHITECTURES.join(' or '),
    fix: good
      ? undefined
      : 'The filters are written for x86-64 and arm64: run postern, and its Node, on one of them.',
  };
}

export function checkNode({ nodeVersion, nodePath }: HostFacts): Check {
  const good = Number.parseInt(nodeVersion.replace(/^v/, ''), 10) >= LEAST_NODE;
  return {
    name: 'node',
    state: good ? 'ok' : 'missing',
    found: `${nodeVersion} (${nodePath})`,
    needed: `v${LEAST_NODE} or newer`,
    fix: good ? undefined : `Start postern with Node ${LEAST_NODE} or newer; this one is ${nodePath}.`,
  };
}
