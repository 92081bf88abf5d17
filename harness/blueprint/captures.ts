import { spansOf } from "../scenario/phases.js";
import type { Capture, Case } from "../scenario/types.js";
import type {
  CaptureFile,
  CapturePoint,
  CaptureProcessBlueprint,
  DataplaneBlueprint,
  DataplaneCapture,
  EndpointBlueprint,
  LabBlueprint,
} from "./types.js";

/**
 * Who captures what. Frames of our dataplane pass no packet socket – XDP redirects them, AF_XDP sends them – so it
 * captures itself; everywhere else a process with packet sockets does (docs/capture.md).
 */
const capturesItself = ({ dataplane }: Case, { at }: Capture): boolean =>
  at === "dataplane" && dataplane.kind === "afxdp";

/** What our dataplane captures; nothing for other kinds. */
export function dataplaneCaptures(scenario: Case): DataplaneCapture[] {
  const indexOf = new Map(scenario.clients.map(({ name }, index) => [name, index]));
  return (scenario.captures ?? [])
    .filter((capture) => capturesItself(scenario, capture))
    .map((capture) => ({
      ...fileOf(scenario, capture),
      side: capture.side,
      clients: (capture.from ?? []).flatMap((name) => indexOf.get(name) ?? []),
    }));
}

/** The part of `mqoe-native capture`; null when there is nothing for it to do. */
export function captureProcess(
  scenario: Case,
  lab: LabBlueprint,
  dataplane: DataplaneBlueprint,
): CaptureProcessBlueprint | null {
  const captures = (scenario.captures ?? [])
    .filter((capture) => !capturesItself(scenario, capture))
    .map((capture) => {
      const chosen = clientsOf(lab, capture);
      const points = capture.at === "client" ? chosen.map(clientPoint) : dataplanePoints(lab, dataplane, capture);
      const filtered = capture.at === "dataplane" && capture.from !== null;
      const addresses = filtered ? chosen.flatMap(({ ipv4, ipv6 }) => [...ipv4, ...ipv6]) : [];
      return { ...fileOf(scenario, capture), points, addresses };
    });
  return captures.length === 0 ? null : { schema: "mqoe-capture/1", lab: lab.name, captures };
}

function fileOf(scenario: Case, { name, snaplen, limit, phases }: Capture): CaptureFile {
  return { name, file: `captures/${name}.pcapng`, snaplen, limit, windows: windowsOf(scenario, phases) };
}

/** A phase that is not there is no window; no window at all would mean the whole run. */
function windowsOf(scenario: Case, phases: string[] | null): CaptureFile["windows"] {
  if (phases === null) return [];
  const windows = spansOf(scenario)
    .filter(({ name }) => phases.includes(name))
    .map(({ start, end }) => ({ start, stop: end }));
  return windows.length > 0 ? windows : [{ start: 0, stop: 0 }];
}

function clientsOf(lab: LabBlueprint, { from }: Capture): EndpointBlueprint[] {
  return lab.endpoints.filter(({ role, name }) => role === "client" && (from === null || from.includes(name)));
}

function clientPoint({ name, netns, ipv4, ipv6 }: EndpointBlueprint): CapturePoint {
  const addresses = [...ipv4, ...ipv6].slice(0, 4).join(", ");
  const description = `client ${name}, eth0 in ${netns}: ${addresses}; out = sent by the client`;
  return { netns, interface: "eth0", name, description };
}

function dataplanePoints(lab: LabBlueprint, { kind, link }: DataplaneBlueprint, { side }: Capture): CapturePoint[] {
  const point = (name: "access" | "core", who: string): CapturePoint => ({
    netns: lab.dataplane,
    interface: link?.[name] ?? "",
    name,
    description: `${kind} dataplane, towards the ${who}: in = received from them, out = sent to them`,
  });
  const points = [point("access", "clients"), point("core", "servers")];
  return points.filter(({ name }) => side === "both" || side === name);
}
