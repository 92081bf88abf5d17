/** Called before anything is made: a lab half-built for want of a capability helps nobody. */
export function requirePrivilege(): void {
  if (process.getuid?.() === 0) return;
  throw new Error(
    "the live world needs root: CAP_SYS_ADMIN and CAP_NET_ADMIN for namespaces and links, CAP_BPF and CAP_NET_RAW for " +
      "XDP and AF_XDP. Run it with sudo; mqoe doctor tells what this machine lacks",
  );
}
