// The reader's side: one thread that appends every segment to its file, so that a killed writer loses a
// second at most.
#include "record/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_SEGMENTS 256
#define BOUNCE_BYTES (1u << 20)

// One segment being spooled. The mapping outlives the process that wrote it.
struct source {
    const struct mqoe_segment_header *header;
    size_t bytes;      // of the mapping
    uint64_t capacity; // copies from the header, checked once: the writer must not be able to move us later
    uint32_t record_bytes;
    uint64_t next; // index of the first record not yet in the file
    uint64_t lost;
    int file;
    off_t file_bytes;
    bool viewed; // a mapping given away by mqoe_spool_view
};

static struct spool {
    pthread_mutex_t lock; // held while draining and while the table changes
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping;
    uint32_t interval_ms;
    int dir;
    int error; // errno of the first write that failed
    struct source *sources[MAX_SEGMENTS];
    int count;
    uint8_t *bounce;
} spool = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note_error(int errnum) {
    if (!spool.error)
        spool.error = errnum;
}

// Copies up to `want` records from s->next on into the bounce buffer and returns how many of them are whole,
// advancing s->next over those that the writer overwrote before they could be copied.
static uint64_t copy_records(struct source *s, uint64_t want) {
    const uint8_t *records = (const uint8_t *)s->header + MQOE_SEGMENT_HEADER;
    uint64_t first = s->next & (s->capacity - 1);
    uint64_t until_wrap = s->capacity - first;
    uint64_t n = want < until_wrap ? want : until_wrap;
    memcpy(spool.bounce, records + first * s->record_bytes, n * s->record_bytes);
    atomic_thread_fence(memory_order_acquire);
    uint64_t claim = atomic_load_explicit(&s->header->claim, memory_order_relaxed);
    uint64_t oldest = claim > s->capacity ? claim - s->capacity : 0;
    if (oldest <= s->next)
        return n;
    uint64_t torn = oldest - s->next;
    s->lost += torn;
    s->next = oldest;
    if (torn >= n)
        return 0;
    memmove(spool.bounce, spool.bounce + torn * s->record_bytes, (n - torn) * s->record_bytes);
    return n - torn;
}

// Appends n records of the bounce buffer. A short write (disk full) is cut back to a whole record, so that
// the file stays readable; what was not written stays in the ring and is tried again next time. Returns
// records appended.
static uint64_t append(struct source *s, uint64_t n) {
    size_t want = n * s->record_bytes, done = 0;
    while (done < want) {
        ssize_t w = pwrite(s->file, spool.bounce + done, want - done, s->file_bytes + (off_t)done);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0) {
            note_error(w < 0 ? errno : ENOSPC);
            break;
        }
        done += (size_t)w;
    }
    uint64_t whole = done / s->record_bytes;
    s->file_bytes += (off_t)(whole * s->record_bytes);
    if (done < want && ftruncate(s->file, s->file_bytes) < 0)
        note_error(errno);
    return whole;
}

// The file's header as the segment's, but with the file's own counters.
static void write_header(struct source *s, uint64_t written) {
    uint8_t copy[MQOE_SEGMENT_HEADER];
    memcpy(copy, s->header, sizeof copy);
    struct mqoe_segment_header *h = (struct mqoe_segment_header *)copy;
    h->capacity = 0;
    h->lost = s->lost;
    atomic_init(&h->head, written);
    atomic_init(&h->claim, written);
    ssize_t w = pwrite(s->file, copy, sizeof copy, 0);
    if (w != (ssize_t)sizeof copy)
        note_error(w < 0 ? errno : ENOSPC);
}

static uint64_t records_written(const struct source *s) {
    return (uint64_t)(s->file_bytes - MQOE_SEGMENT_HEADER) / s->record_bytes;
}

static void drain(struct source *s) {
    uint64_t head = atomic_load_explicit(&s->header->head, memory_order_acquire);
    uint64_t lost_before = s->lost, next_before = s->next;
    uint64_t batch = BOUNCE_BYTES / s->record_bytes;
    while (s->next < head) {
        uint64_t left = head - s->next;
        uint64_t n = copy_records(s, left < batch ? left : batch);
        uint64_t done = n ? append(s, n) : 0;
        s->next += done;
        if (done < n)
            break;
    }
    if (s->next != next_before || s->lost != lost_before)
        write_header(s, records_written(s));
}

static void drain_all(void) {
    for (int i = 0; i < spool.count; i++)
        drain(spool.sources[i]);
}

static struct timespec deadline_in(uint32_t ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static void *spool_thread(void *unused) {
    (void)unused;
    pthread_setname_np(pthread_self(), "mqoe-spool");
    pthread_mutex_lock(&spool.lock);
    while (!spool.stopping) {
        struct timespec until = deadline_in(spool.interval_ms);
        while (!spool.stopping && pthread_cond_timedwait(&spool.wake, &spool.lock, &until) != ETIMEDOUT)
            ;
        if (!spool.stopping)
            drain_all();
    }
    drain_all(); // also when it was told to stop before it had begun
    pthread_mutex_unlock(&spool.lock);
    return NULL;
}

// A condition variable on CLOCK_MONOTONIC: a step of the wall clock must not stall the spool.
static void init_wake(void) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&spool.wake, &attr);
    pthread_condattr_destroy(&attr);
}

static int start_locked(const char *dir, uint32_t interval_ms) {
    if (spool.running)
        return -EBUSY;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    uint8_t *bounce = malloc(BOUNCE_BYTES);
    if (!bounce) {
        close(fd);
        return -ENOMEM;
    }
    spool.dir = fd;
    spool.bounce = bounce;
    spool.interval_ms = interval_ms ? interval_ms : 1;
    spool.stopping = false;
    spool.error = 0;
    spool.count = 0;
    init_wake();
    int error = pthread_create(&spool.thread, NULL, spool_thread, NULL);
    if (error) {
        pthread_cond_destroy(&spool.wake);
        free(bounce);
        close(fd);
        return -error;
    }
    spool.running = true;
    return 0;
}

int mqoe_spool_start(const char *dir, uint32_t interval_ms) {
    pthread_mutex_lock(&spool.lock);
    int result = start_locked(dir, interval_ms);
    pthread_mutex_unlock(&spool.lock);
    return result;
}

// True when a mapped file is a segment we can follow: everything that later code computes with is checked
// here.
static bool is_segment(const struct mqoe_segment_header *h, size_t bytes) {
    if (memcmp(h->magic, MQOE_SEGMENT_MAGIC, sizeof h->magic) || h->header_bytes != MQOE_SEGMENT_HEADER)
        return false;
    if (h->record_bytes == 0 || h->record_bytes > BOUNCE_BYTES || h->capacity == 0 ||
        (h->capacity & (h->capacity - 1)) || h->capacity > (bytes - MQOE_SEGMENT_HEADER) / h->record_bytes)
        return false;
    if (offsetof(struct mqoe_segment_header, fields) + (uint64_t)h->field_count * sizeof *h->fields >
        MQOE_SEGMENT_HEADER)
        return false;
    return h->type[0] && h->writer[0] && memchr(h->type, 0, sizeof h->type) &&
           memchr(h->writer, 0, sizeof h->writer) && !strchr(h->type, '/') && !strchr(h->writer, '/');
}

static int map_source(struct source *s, const char *path) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    struct stat st;
    int result = fstat(fd, &st) < 0 ? -errno : st.st_size < (off_t)MQOE_SEGMENT_HEADER ? -EBADMSG : 0;
    if (result == 0) {
        s->bytes = (size_t)st.st_size;
        void *map = mmap(NULL, s->bytes, PROT_READ, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
            result = -errno;
        else
            s->header = map;
    }
    close(fd);
    if (result == 0 && !is_segment(s->header, s->bytes)) {
        munmap((void *)s->header, s->bytes);
        result = -EBADMSG;
    }
    return result;
}

// Two segments of one name would write into one file.
static bool name_taken(const struct mqoe_segment_header *h) {
    for (int i = 0; i < spool.count; i++)
        if (!strcmp(spool.sources[i]->header->writer, h->writer) &&
            !strcmp(spool.sources[i]->header->type, h->type))
            return true;
    return false;
}

static int open_file(struct source *s) {
    char name[80];
    snprintf(name, sizeof name, "%s.%s.seg", s->header->writer, s->header->type);
    s->file = openat(spool.dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (s->file < 0)
        return -errno;
    s->capacity = s->header->capacity;
    s->record_bytes = s->header->record_bytes;
    s->file_bytes = MQOE_SEGMENT_HEADER;
    write_header(s, 0);
    return 0;
}

// A mapping that was given away keeps its addresses, as zeros that cost no memory: JavaScript cannot be made
// to let go of an ArrayBuffer, and a late look at it must not be a crash.
static void drop_mapping(struct source *s) {
    void *map = (void *)s->header;
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    if (!s->viewed || mmap(map, s->bytes, PROT_READ, flags, -1, 0) == MAP_FAILED)
        munmap(map, s->bytes);
}

static void free_source(struct source *s) {
    drop_mapping(s);
    if (s->file >= 0)
        close(s->file);
    free(s);
}

static int add_locked(struct source *s) {
    if (!spool.running)
        return -EBADF;
    if (spool.count == MAX_SEGMENTS)
        return -EMFILE;
    if (name_taken(s->header))
        return -EEXIST;
    int result = open_file(s);
    if (result < 0)
        return result;
    spool.sources[spool.count] = s;
    return spool.count++;
}

int mqoe_spool_add(const char *path) {
    struct source *s = calloc(1, sizeof *s);
    if (!s)
        return -ENOMEM;
    s->file = -1;
    int result = map_source(s, path);
    if (result < 0) {
        free(s);
        return result;
    }
    pthread_mutex_lock(&spool.lock);
    result = add_locked(s);
    pthread_mutex_unlock(&spool.lock);
    if (result < 0)
        free_source(s);
    return result;
}

const void *mqoe_spool_view(int number, uint64_t *bytes) {
    const void *view = NULL;
    pthread_mutex_lock(&spool.lock);
    if (spool.running && number >= 0 && number < spool.count) {
        view = spool.sources[number]->header;
        *bytes = spool.sources[number]->bytes;
        spool.sources[number]->viewed = true;
    }
    pthread_mutex_unlock(&spool.lock);
    return view;
}

// After the thread's last drain. Returns records lost.
static int64_t close_sources(void) {
    int64_t lost = 0;
    for (int i = 0; i < spool.count; i++) {
        struct source *s = spool.sources[i];
        lost += (int64_t)s->lost;
        if (close(s->file) < 0)
            note_error(errno);
        s->file = -1;
        free_source(s);
        spool.sources[i] = NULL;
    }
    spool.count = 0;
    return lost;
}

int64_t mqoe_spool_stop(void) {
    pthread_mutex_lock(&spool.lock);
    if (!spool.running || spool.stopping) {
        pthread_mutex_unlock(&spool.lock);
        return -EBADF;
    }
    spool.stopping = true;
    pthread_cond_signal(&spool.wake);
    pthread_mutex_unlock(&spool.lock);
    pthread_join(spool.thread, NULL);

    pthread_mutex_lock(&spool.lock);
    int64_t lost = close_sources();
    pthread_cond_destroy(&spool.wake);
    free(spool.bounce);
    close(spool.dir);
    spool.running = false;
    int error = spool.error;
    pthread_mutex_unlock(&spool.lock);
    return error ? -error : lost;
}
