import { z } from "zod";
import { common } from "./common.js";

export const rpm = z.strictObject({ kind: z.literal("rpm"), ...common });
