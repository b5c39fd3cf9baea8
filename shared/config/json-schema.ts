// The JSON Schema of postern.yaml, for editors and docs/config.md. It is made from the schema that checks files.
import * as z from 'zod';
import { VERSION } from '../bundles.js';
import { configSchema } from './config-schema.js';

export function configJsonSchema(): object {
  return {
    $id: `urn:postern:${VERSION}:postern.schema.json`,
    title: 'postern.yaml',
    description: 'Plugins that postern runs, and what each may connect to.',
    ...z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' }),
  };
}
