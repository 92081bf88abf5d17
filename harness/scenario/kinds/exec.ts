import { z } from "zod";
import { common } from "./common.js";

export const exec = z.strictObject({
  kind: z.literal("exec"),
  ...common,
  command: z.array(z.string().min(1)).min(1).describe("Program and arguments, run in the client's namespace."),
});
