import { z } from "zod";
import { scenario } from "./schema.js";

/** The whole language as JSON Schema (zod's input: before defaults); what the reference page is made from. */
export function languageSchema(): JsonSchema {
  const schema = z.toJSONSchema(scenario, { io: "input", override: ({ jsonSchema }) => tidy(jsonSchema) });
  return { ...(schema as JsonSchema), $id: "mqoe-scenario", title: "mqoe scenario" };
}

/**
 * The JSON Schema that editors use. One file need not be whole: what it leaves out may come from a file that it extends
 * or that extends it, so nothing in a section is required here. `mqoe check` sees the merged scenario and insists.
 */
export function scenarioJsonSchema(): JsonSchema {
  const schema = languageSchema();
  const properties = Object.entries(schema.properties ?? {});
  return {
    ...schema,
    properties: Object.fromEntries(properties.map(([key, part]) => [key, part.items ? part : partial(part)])),
  };
}

/** Without required keys, at any depth; a variant whose choice is left out may then be several at once. */
function partial({ required: _, oneOf, ...schema }: JsonSchema): JsonSchema {
  const { properties, additionalProperties: others, anyOf = oneOf } = schema;
  return {
    ...schema,
    ...(properties && { properties: mapValues(properties, partial) }),
    ...(typeof others === "object" && { additionalProperties: partial(others) }),
    ...(anyOf && { anyOf: anyOf.map(partial) }),
  };
}

function mapValues<A, B>(record: Record<string, A>, convert: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, convert(value)]));
}

export interface JsonSchema {
  $id?: string;
  title?: string;
  description?: string;
  type?: string;
  const?: unknown;
  enum?: unknown[];
  default?: unknown;
  examples?: unknown[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** "Any safe integer" is zod's way to say nothing. */
function tidy(schema: { maximum?: number; minimum?: number }): void {
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
}
