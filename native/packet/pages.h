// Large tables that every packet reaches into: zeroed, aligned to a page, and from 2 MiB on backed by huge
// pages where the kernel gives them (transparent_hugepage "madvise" or "always"). With pages of 4 KiB, ten
// thousand clients' queues need more translations than the processor keeps, and a missing translation costs
// as much as a missing cache line. What is never touched costs nothing.
//
// The first touch of a huge page clears 2 MiB at once, a tenth of a millisecond or more: too much for the
// loop. So a table that fills up as traffic needs it is reserved (small pages, one at a time), and only the
// part that is sure to be used is made ready before the loop begins.
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

static inline void *mqoe_pages_reserve(size_t bytes) {
    return mqoe_pages_alloc(bytes);
}

static inline void mqoe_pages_ready(void *pages, size_t bytes, size_t from, size_t to) {
    (void)pages, (void)bytes, (void)from, (void)to;
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

static inline void *mqoe_pages_map(size_t bytes, int advice) {
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
    madvise(raw + before, size, advice); // where it is refused things only are slower
    return raw + before;
}

// At least `bytes`; NULL when there is no memory. For tables that are filled before the loop begins.
static inline void *mqoe_pages_alloc(size_t bytes) {
    return mqoe_pages_map(bytes, MADV_HUGEPAGE);
}

// The same for tables that fill up while the loop runs.
static inline void *mqoe_pages_reserve(size_t bytes) {
    return mqoe_pages_map(bytes, MADV_NOHUGEPAGE);
}

// Touches the bytes `from` … `to` − 1 of a table of `bytes` that was reserved, on huge pages where they fill
// some: before the loop begins.
static inline void mqoe_pages_ready(void *pages, size_t bytes, size_t from, size_t to) {
    uint8_t *base = (uint8_t *)pages;
    size_t size = mqoe_pages_size(bytes), first = from & ~(MQOE_HUGE_PAGE - 1);
    to = to < bytes ? to : bytes;
    if (from >= to)
        return;
    size_t last = (to + MQOE_HUGE_PAGE - 1) & ~(MQOE_HUGE_PAGE - 1);
    if (size >= MQOE_HUGE_PAGE && to - from >= MQOE_HUGE_PAGE)
        madvise(base + first, last - first, MADV_HUGEPAGE);
    for (size_t at = from; at < to; at += MQOE_SMALL_PAGE)
        *(volatile uint8_t *)(base + at) |= 0;
    *(volatile uint8_t *)(base + to - 1) |= 0;
}

// Returns what one of them gave for `bytes`; NULL is nothing.
static inline void mqoe_pages_free(void *pages, size_t bytes) {
    if (pages)
        munmap(pages, mqoe_pages_size(bytes));
}

#endif
