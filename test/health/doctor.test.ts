import test from "ava";
import { xdpMode } from "../../harness/health/doctor.js";

const reactor = (access?: string, core?: string) => ({ id: 0, xdp: { access, core } });

test("AF_XDP: native on every trunk is ok, generic on one is a warning, anything else is missing", (t) => {
  const verdict = (...reactors: object[]) => xdpMode({ reactors }).verdict;
  t.is(verdict(reactor("native", "native"), reactor("native", "native")), "ok");
  t.is(verdict(reactor("native", "native"), reactor("native", "generic")), "warn");
  t.is(verdict(reactor("native", undefined)), "fail");
  t.is(verdict({ id: 0 }), "fail");
  t.is(verdict(), "fail");
  t.is(xdpMode({}).verdict, "fail");
});
