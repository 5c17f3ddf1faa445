/** What a schema takes, in the short form that help and refusals show: `{"lagMs"?: {"min": 0…9, …}}`. */
import * as z from "zod";

type JsonSchema = z.core.JSONSchema.JSONSchema;

/** As JSON Schema, for programs. */
export function accepted(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
}

/** On one line; a schema that describes itself is shown by that. */
export function fieldsOf(schema: z.ZodType): string {
  return shown(accepted(schema));
}

function shown(schema: JsonSchema): string {
  const { description, const: only, enum: choices, anyOf, items, properties } = schema;
  if (description !== undefined) return description;
  if (only !== undefined) return String(only);
  if (choices !== undefined) return choices.join(" | ");
  if (anyOf !== undefined) return anyOf.map(nested).join(" or ");
  if (items !== undefined) return `[${Array.isArray(items) ? "" : nested(items)}, …]`;
  if (properties !== undefined) return objectOf(properties, schema.required ?? []);
  if (schema.type === "object") return `{"…": ${nested(schema.additionalProperties)}}`;
  const { minimum, maximum } = schema;
  if (minimum !== undefined && maximum !== undefined) return `${minimum}…${maximum}`;
  return [schema.type ?? "anything"].flat().join(" or ");
}

function objectOf(properties: object, required: readonly string[]): string {
  const fields = Object.entries(properties).map(
    ([name, schema]) => `"${name}"${required.includes(name) ? "" : "?"}: ${nested(schema)}`,
  );
  return `{${fields.join(", ")}}`;
}

function nested(schema: JsonSchema | boolean | undefined): string {
  return typeof schema === "object" ? shown(schema) : "anything";
}
