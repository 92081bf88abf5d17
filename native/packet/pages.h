// Large tables that every packet reaches into: zeroed, aligned to a page, and from 2 MiB on backed by huge
// pages where the kernel gives them (transparent_hugepage "madvise" or "always"). With pages of 4 KiB, ten
// thousand clients' queues need more translations than the processor keeps, and a missing translation costs
// as much as a missing cache line. What is never touched costs nothing.
//
// In a header because the fuzzers compile the pure code file by file; under AddressSanitizer the tables come
// from its own allocator, so that a step beyond their end is seen.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MQOE_SMALL_PAGE ((size_t)4096)
#define MQOE_HUGE_PAGE  ((size_t)2 << 20)

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define MQOE_PAGES_FROM_HEAP 1
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define MQOE_PAGES_FROM_HEAP 1
#endif

#ifdef MQOE_PAGES_FROM_HEAP

static inline void *mqoe_pages_alloc(size_t bytes) {
    size_t size = bytes ? (bytes + 63) & ~(size_t)63 : 64;
    void *pages = aligned_alloc(64, size);
    return pages ? memset(pages, 0, size) : NULL;
}

static inline void mqoe_pages_free(void *pages, size_t bytes) {
    (void)bytes;
    free(pages);
}

#else

static inline size_t mqoe_pages_size(size_t bytes) {
    size_t page = bytes < MQOE_HUGE_PAGE ? MQOE_SMALL_PAGE : MQOE_HUGE_PAGE;
    return bytes ? (bytes + page - 1) & ~(page - 1) : page;
}

// At least `bytes`; NULL when there is no memory.
static inline void *mqoe_pages_alloc(size_t bytes) {
    size_t size = mqoe_pages_size(bytes), room = size < MQOE_HUGE_PAGE ? 0 : MQOE_HUGE_PAGE;
    uint8_t *raw =
        (uint8_t *)mmap(NULL, size + room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    if (!room)
        return raw;
    // What stands out of the alignment at either end goes back.
    size_t before = -(uintptr_t)raw & (MQOE_HUGE_PAGE - 1);
    if (before)
        munmap(raw, before);
    if (room > before)
        munmap(raw + before + size, room - before);
    madvise(raw + before, size, MADV_HUGEPAGE); // where it is refused things only are slower
    return raw + before;
}

// Returns what mqoe_pages_alloc(bytes) gave; NULL is nothing.
static inline void mqoe_pages_free(void *pages, size_t bytes) {
    if (pages)
        munmap(pages, mqoe_pages_size(bytes));
}

#endif
