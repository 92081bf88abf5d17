import { z } from "zod";
import { common } from "./common.js";

export const video = z.strictObject({ kind: z.literal("video"), ...common });
