import { z } from "zod";
import { common } from "./common.js";

export const web = z.strictObject({ kind: z.literal("web"), ...common });
