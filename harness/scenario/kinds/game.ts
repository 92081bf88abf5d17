import { z } from "zod";
import { common } from "./common.js";

export const game = z.strictObject({ kind: z.literal("game"), ...common });
