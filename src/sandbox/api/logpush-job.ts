/** A Logpush job as the API takes and shows it. */
import * as z from "zod";

const outputSchema = z.looseObject({
  field_names: z.array(z.string()).optional(),
  output_type: z.enum(["ndjson", "csv"]).optional(),
  timestamp_format: z.string().optional(),
});
export const jobSchema = z.looseObject({
  name: z.string().max(512).nullish(),
  dataset: z.string(),
  destination_conf: z.string().max(4_096),
  enabled: z.boolean().default(false),
  filter: z.string().nullish(),
  output_options: outputSchema.nullish(),
});
export const changeSchema = jobSchema.omit({ name: true, dataset: true }).partial();

export type LogpushJob = z.output<typeof jobSchema> & { id: number };
