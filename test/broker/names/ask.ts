// Asks for names as a plugin with room for every socket.
import { DescriptorPool } from '../../../broker/limit/descriptor-shares.js';
import type { FamilyAnswer, NameSource } from '../../../broker/names/name-servers.js';
import type { NameResolver, Resolution } from '../../../broker/names/resolve.js';
import { BROKER_DESCRIPTORS } from '../../../shared/limits.js';

const share = new DescriptorPool(BROKER_DESCRIPTORS).share();

export function ask(source: NameSource, name: string, family: 4 | 6): FamilyAnswer | Promise<FamilyAnswer> {
  return asked(source.ask(name, family, share));
}

export function resolve(resolver: NameResolver, name: string): Resolution | Promise<Resolution> {
  return asked(resolver.resolve(name, share));
}

export function resolveFamily(
  resolver: NameResolver,
  name: string,
  family: 4 | 6,
): FamilyAnswer | Promise<FamilyAnswer> {
  return asked(resolver.resolveFamily(name, family, share));
}

function asked<T>(answer: T | undefined): T {
  if (answer === undefined) throw new Error('Nothing was asked: there is no room for the sockets');
  return answer;
}
