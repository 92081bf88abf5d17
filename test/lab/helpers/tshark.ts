import { execFileSync } from "node:child_process";

/** A packet as tshark shows it. */
export interface Packet {
  interface: string;
  /** ns since 1970 */
  time: bigint;
  length: number;
  captured: number;
  way: "in" | "out" | "";
  id: string;
  comment: string;
  source: string;
  destination: string;
  /** Of UDP; null for anything else. */
  sourcePort: number | null;
}

const FIELDS = [
  "frame.interface_name",
  "frame.time_epoch",
  "frame.len",
  "frame.cap_len",
  "frame.packet_flags_direction",
  "frame.packet_id",
  "frame.comment",
  "ip.src",
  "ip.dst",
  "udp.srcport",
];
const WAYS = ["", "in", "out"] as const;

/** Opens a capture with tshark, which complains about whatever is wrong with a file, and fails then. */
export function tshark(file: string): Packet[] {
  const args = ["-r", file, "-n", "-T", "fields", ...FIELDS.flatMap((field) => ["-e", field])];
  const text = execFileSync("tshark", args, {
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["ignore", "pipe", "pipe"],
  });
  return text.split("\n").filter(Boolean).map(packetOf);
}

function packetOf(line: string): Packet {
  const [name = "", time = "", length, captured, flags, id = "", comment = "", source = "", destination = "", port] =
    line.split("\t");
  return {
    interface: name,
    time: BigInt(time.replace(".", "")),
    length: Number(length),
    captured: Number(captured),
    way: WAYS[Number(flags) & 3] ?? "",
    id,
    comment,
    source,
    destination,
    sourcePort: port ? Number(port) : null,
  };
}
