import { z } from "zod";
import { common } from "./common.js";

export const voip = z.strictObject({ kind: z.literal("voip"), ...common });
