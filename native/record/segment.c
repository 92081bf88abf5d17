// The writer's side of a segment: a memfd ring that never waits for its reader.
#include "record/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static_assert(offsetof(struct mqoe_segment_header, head) == 128, "segment header layout");
static_assert(offsetof(struct mqoe_segment_header, claim) == 136, "segment header layout");
static_assert(offsetof(struct mqoe_segment_header, fields) == 192, "segment header layout");
static_assert(sizeof(struct mqoe_field) == 96, "segment header layout");

// More would overflow the mapping's size long before it is of use.
#define MAX_CAPACITY (UINT64_C(1) << 32)

static uint64_t power_of_two(uint64_t n) {
    uint64_t p = 1;
    while (p < n)
        p <<= 1;
    return p;
}

static void fill_header(struct mqoe_segment_header *h, const struct mqoe_layout *layout, const char *writer,
                        uint64_t capacity) {
    memcpy(h->magic, MQOE_SEGMENT_MAGIC, sizeof h->magic);
    h->header_bytes = MQOE_SEGMENT_HEADER;
    h->record_bytes = layout->record_bytes;
    h->capacity = capacity;
    h->field_count = layout->field_count;
    strncpy(h->type, layout->type, sizeof h->type - 1);
    strncpy(h->writer, writer, sizeof h->writer - 1);
    memcpy(h->fields, layout->fields, layout->field_count * sizeof *layout->fields);
}

// A memfd of fixed size: sealed, so that no one can shrink it under a reader's mapping (SIGBUS).
static int sealed_memfd(const char *name, size_t bytes) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    if (ftruncate(fd, (off_t)bytes) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int mqoe_segment_create(struct mqoe_segment *s, const char *type, const char *writer, uint64_t capacity) {
    memset(s, 0, sizeof *s);
    s->fd = -1;
    const struct mqoe_layout *layout = mqoe_layout_find(type);
    if (!layout || capacity == 0 || capacity > MAX_CAPACITY || strchr(writer, '/') ||
        strlen(writer) >= sizeof s->header->writer)
        return -EINVAL;
    capacity = power_of_two(capacity);
    size_t bytes = MQOE_SEGMENT_HEADER + capacity * layout->record_bytes;
    int fd = sealed_memfd(type, bytes);
    if (fd < 0)
        return fd;
    void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        int error = errno;
        close(fd);
        return -error;
    }
    *s = (struct mqoe_segment){fd, map, (uint8_t *)map + MQOE_SEGMENT_HEADER, capacity - 1};
    fill_header(s->header, layout, writer, capacity);
    return 0;
}

void *mqoe_segment_next(struct mqoe_segment *s) {
    struct mqoe_segment_header *h = s->header;
    uint64_t head = atomic_load_explicit(&h->head, memory_order_relaxed);
    // Announced before the record's bytes change, so that a reader that copied the old ones can tell they are
    // torn.
    atomic_store_explicit(&h->claim, head + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
    return s->records + (head & s->mask) * h->record_bytes;
}

void mqoe_segment_publish(struct mqoe_segment *s) {
    struct mqoe_segment_header *h = s->header;
    uint64_t head = atomic_load_explicit(&h->head, memory_order_relaxed);
    atomic_store_explicit(&h->head, head + 1, memory_order_release);
}

void mqoe_segment_close(struct mqoe_segment *s) {
    if (!s->header) // zeroed, closed or never created: its fd is no one's
        return;
    munmap(s->header, MQOE_SEGMENT_HEADER + (s->mask + 1) * s->header->record_bytes);
    close(s->fd);
    *s = (struct mqoe_segment){.fd = -1};
}
