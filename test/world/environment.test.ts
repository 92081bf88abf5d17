import test from "ava";
import { staticInfo } from "../../harness/world/environment.js";

test("counters taken before anything happened are no facts of the environment", (t) => {
  const info = { reactors: 1, kernel: "6.1", sockets: 8, probes_sent: 0, send_errors: 0, strays: 0 };
  t.deepEqual(staticInfo(info), { reactors: 1, kernel: "6.1" });
  t.deepEqual(staticInfo(undefined), {});
});
