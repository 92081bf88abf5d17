/** `promise`, or the reason of the abort as an error, whichever is first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const tell = () => reject(signal.reason as Error);
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true, signal: done.signal });
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    done.abort();
  }
}
