// Segments: memfd ring buffers of fixed-size records, one writer each, self-describing (the header names
// every field). The writer never waits: when the reader is more than `capacity` records behind, the oldest
// are overwritten, and the reader counts them as lost.
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "record/records.h"

#define MQOE_SEGMENT_MAGIC  "MQOESEG1"
#define MQOE_SEGMENT_HEADER 8192u // bytes before the first record, in memory and in a spool file

struct mqoe_field {
    char name[24];
    char type[4]; // u8 u16 u32 u64 i64 f64
    uint32_t offset;
    char unit[64];
};

// At offset 0 of a segment and of a spool file. All integers little-endian (the machine's own).
struct mqoe_segment_header {
    char magic[8];
    uint32_t header_bytes; // MQOE_SEGMENT_HEADER
    uint32_t record_bytes;
    uint64_t capacity; // records, a power of two (spool file: 0)
    uint32_t field_count;
    uint32_t reserved;
    char type[32];   // "dp_client"
    char writer[32]; // "dataplane-0"
    uint64_t lost;   // spool file: records overwritten before they were read
    uint8_t pad[128 - 104];
    _Atomic uint64_t head;  // offset 128: records written since start; release-stored by the writer
    _Atomic uint64_t claim; // head, or head + 1 while the writer fills a record: what it may be overwriting
    uint8_t pad2[48];
    struct mqoe_field fields[]; // offset 192
};

struct mqoe_segment { // the writer's handle
    int fd;
    struct mqoe_segment_header *header;
    uint8_t *records;
    uint64_t mask;
};

// Creates a memfd segment of record type `type` (a name from records.def) for `capacity` records (rounded up
// to a power of two). `writer` names it in the file system: no slash, at most 31 bytes. Returns 0 or −errno;
// −EINVAL for an unknown type, a bad name or a capacity of 0.
int mqoe_segment_create(struct mqoe_segment *s, const char *type, const char *writer, uint64_t capacity);

// Where the next record goes (every field of it must be set: it holds an old record); then publish. One
// writer only. A record that was begun but never published does no harm. mqoe_segment_close is safe on a
// zeroed or closed handle.
void *mqoe_segment_next(struct mqoe_segment *s);
void mqoe_segment_publish(struct mqoe_segment *s);
void mqoe_segment_close(struct mqoe_segment *s);

// ---- the reader's side (called by the harness through koffi) ----

// Starts a thread that appends every added segment to DIR/<writer>.<type>.seg each `interval_ms`. Returns 0
// or −errno.
int mqoe_spool_start(const char *dir, uint32_t interval_ms);

// Maps the segment at `path` (/proc/PID/fd/N) and spools it from now on; the mapping outlives the writer.
// Returns its number (≥ 0) or −errno: −EBADMSG it is no segment, −EEXIST one of this writer and type is there
// already, −EBADF the spool is not running, −EMFILE too many.
int mqoe_spool_add(const char *path);

// Read-only mapping of an added segment, for live progress (header, then records); NULL if there is none. Its
// addresses stay valid for good; after mqoe_spool_stop they read as zeros.
const void *mqoe_spool_view(int number, uint64_t *bytes);

// Drains everything once more, closes the files and stops the thread. Returns records lost to overwriting (≥
// 0), or −errno of the first write that failed (ENOSPC …); the files keep what was written.
int64_t mqoe_spool_stop(void);
