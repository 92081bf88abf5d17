import type { Page } from "../../scenario/kinds/web.js";
import type { WebTraffic } from "../../scenario/types.js";
import type { Rng } from "../../stats/index.js";
import type { WebScript } from "../types.js";
import { draw } from "./draw.js";

/** Times to read a page that are drawn; then they come again. */
const THINKS = 256;

/** What one client's browser will do: its pages with the sizes of all objects, and how long it rests after each. */
export function webScript({ page, pages, connections, reuse, think }: WebTraffic, random: Rng): WebScript {
  const times = think.distribution === "fixed" ? 1 : THINKS;
  return {
    kind: "web",
    connections,
    reuse,
    pages: Array.from({ length: pages }, () => drawPage(page, random)),
    thinks: Array.from({ length: times }, () => draw(think, random, 0)),
  };
}

/** Bytes of each object, the document first. */
function drawPage({ document, objects, object, weight }: Page, random: Rng): number[] {
  const first = draw(document, random, 1);
  const others = Array.from({ length: objects }, () => draw(object, random, 1));
  if (weight === null) return [first, ...others];
  const drawn = others.reduce((sum, size) => sum + size, 0);
  return [first, ...others.map((size) => Math.max(1, Math.round((size * (weight - first)) / drawn)))];
}
