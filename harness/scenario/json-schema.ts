import { z } from "zod";
import { scenario } from "./schema.js";

/** The JSON Schema of scenario files, for editors: what a file may say (zod's input), before defaults. */
export function scenarioJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(scenario, { io: "input", override: ({ jsonSchema }) => tidy(jsonSchema) });
  return { ...(schema as JsonSchema), $id: "mqoe-scenario", title: "mqoe scenario" };
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
