// Segments and their spool: nothing is lost silently, whatever happens to the writer, the reader or the disk.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record/segment.h"

#define NEVER 3600000u // ms: the spool drains only at stop

typedef struct mqoe_record_tcp_bin record;

static char folder[] = "/tmp/mqoe-test-segment-XXXXXX";
static char text[512];

static const char *segment_path(const struct mqoe_segment *s) {
    snprintf(text, sizeof text, "/proc/self/fd/%d", s->fd);
    return text;
}

static const char *file_path(const char *writer) {
    snprintf(text, sizeof text, "%s/%s.tcp_bin.seg", folder, writer);
    return text;
}

// Every field follows from the number, so that a torn record shows.
static void write_record(struct mqoe_segment *s, uint64_t n) {
    record *r = mqoe_segment_next(s);
    *r = (record){.time = (int64_t)n, .flow = (uint32_t)n, .reads = (uint32_t)(n >> 32), .bytes = ~n};
    mqoe_segment_publish(s);
}

static void write_records(struct mqoe_segment *s, uint64_t from, uint64_t to) {
    for (uint64_t n = from; n < to; n++)
        write_record(s, n);
}

static void assert_whole(const record *r) {
    uint64_t n = (uint64_t)r->time;
    assert_int_equal(r->flow, (uint32_t)n);
    assert_int_equal(r->reads, (uint32_t)(n >> 32));
    assert_true(r->bytes == ~n);
}

struct file {
    struct mqoe_segment_header *header;
    record *records;
    uint64_t count;
};

static struct file read_file(const char *writer) {
    struct file f = {0};
    struct stat st;
    int fd = open(file_path(writer), O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_true(st.st_size >= (off_t)MQOE_SEGMENT_HEADER);
    f.header = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, f.header, (size_t)st.st_size), st.st_size);
    close(fd);
    f.records = (record *)((uint8_t *)f.header + MQOE_SEGMENT_HEADER);
    assert_int_equal((st.st_size - MQOE_SEGMENT_HEADER) % (off_t)sizeof(record), 0);
    f.count = (uint64_t)(st.st_size - MQOE_SEGMENT_HEADER) / sizeof(record);
    return f;
}

// The file holds exactly records first … first + count − 1, whole and in order.
static void assert_file(const char *writer, uint64_t first, uint64_t count, uint64_t lost) {
    struct file f = read_file(writer);
    assert_int_equal(f.count, count);
    assert_int_equal(f.header->lost, lost);
    assert_int_equal(f.header->capacity, 0);
    for (uint64_t i = 0; i < count; i++) {
        assert_whole(&f.records[i]);
        assert_int_equal(f.records[i].time, first + i);
    }
    free(f.header);
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

// ---- the writer ----

static void a_segment_describes_itself(void **state) {
    (void)state;
    struct mqoe_segment s;
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", "traffic-0", 5), 0);
    assert_memory_equal(s.header->magic, MQOE_SEGMENT_MAGIC, 8);
    assert_int_equal(s.header->header_bytes, MQOE_SEGMENT_HEADER);
    assert_int_equal(s.header->record_bytes, sizeof(record));
    assert_int_equal(s.header->capacity, 8);
    assert_int_equal(s.header->field_count, 4);
    assert_string_equal(s.header->type, "tcp_bin");
    assert_string_equal(s.header->writer, "traffic-0");
    assert_string_equal(s.header->fields[3].name, "bytes");
    assert_int_equal(s.header->fields[3].offset, offsetof(record, bytes));
    write_record(&s, 7);
    assert_int_equal(s.header->head, 1);
    assert_int_equal(((record *)s.records)->time, 7);
    mqoe_segment_close(&s);
    mqoe_segment_close(&s);
}

static void bad_segments_are_refused(void **state) {
    (void)state;
    struct mqoe_segment s;
    assert_int_equal(mqoe_segment_create(&s, "no_such", "w", 8), -EINVAL);
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", "w", 0), -EINVAL);
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", "a/b", 8), -EINVAL);
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", "a-name-of-more-than-thirty-one-bytes", 8), -EINVAL);
    mqoe_segment_close(&s);
    assert_true(fcntl(STDIN_FILENO, F_GETFD) >= 0 || errno == EBADF);
}

static void a_segment_cannot_be_cut_short(void **state) {
    (void)state;
    struct mqoe_segment s;
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", "w", 8), 0);
    assert_int_equal(ftruncate(s.fd, 100), -1);
    assert_int_equal(errno, EPERM);
    mqoe_segment_close(&s);
}

// ---- the spool ----

static struct mqoe_segment add_segment(const char *writer, uint64_t capacity) {
    struct mqoe_segment s;
    assert_int_equal(mqoe_segment_create(&s, "tcp_bin", writer, capacity), 0);
    assert_true(mqoe_spool_add(segment_path(&s)) >= 0);
    return s;
}

static void a_full_ring_loses_nothing(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    struct mqoe_segment s = add_segment("full", 64);
    write_records(&s, 0, 64);
    assert_int_equal(mqoe_spool_stop(), 0);
    assert_file("full", 0, 64, 0);
    mqoe_segment_close(&s);
}

static void overwritten_records_are_counted(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    struct mqoe_segment s = add_segment("over", 64);
    write_records(&s, 0, 100);
    assert_int_equal(mqoe_spool_stop(), 36);
    assert_file("over", 36, 64, 36);
    mqoe_segment_close(&s);
}

// A writer stopped in the middle of a record: the slot that it was filling held the oldest one.
static void a_record_under_the_writers_pen_is_not_read(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    struct mqoe_segment s = add_segment("pen", 64);
    write_records(&s, 0, 64);
    memset(mqoe_segment_next(&s), 0xaa, sizeof(record));
    assert_int_equal(mqoe_spool_stop(), 1);
    assert_file("pen", 1, 63, 1);
    mqoe_segment_close(&s);
}

static void the_spool_follows_while_it_is_written(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_start(folder, 5), 0);
    struct mqoe_segment s = add_segment("live", 64);
    write_records(&s, 0, 40);
    struct stat st = {0};
    for (int i = 0; i < 400 && st.st_size < (off_t)(MQOE_SEGMENT_HEADER + 40 * sizeof(record)); i++) {
        sleep_ms(5);
        assert_int_equal(stat(file_path("live"), &st), 0);
    }
    assert_int_equal(st.st_size, MQOE_SEGMENT_HEADER + 40 * sizeof(record));
    write_records(&s, 40, 80);
    assert_int_equal(mqoe_spool_stop(), 0);
    assert_file("live", 0, 80, 0);
    mqoe_segment_close(&s);
}

#define STRESS_RECORDS 4000000u

static void *stress_writer(void *argument) {
    write_records(argument, 0, STRESS_RECORDS);
    return NULL;
}

// A writer far too fast for its reader: what is in the file is whole and in order, and what is not is
// counted.
static void a_race_tears_no_record(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_start(folder, 1), 0);
    struct mqoe_segment s = add_segment("race", 256);
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, stress_writer, &s), 0);
    pthread_join(writer, NULL);
    int64_t lost = mqoe_spool_stop();
    assert_true(lost > 0);
    struct file f = read_file("race");
    assert_int_equal(f.header->lost, lost);
    assert_int_equal(f.count + (uint64_t)lost, STRESS_RECORDS);
    for (uint64_t i = 0; i < f.count; i++) {
        assert_whole(&f.records[i]);
        assert_true(i == 0 || f.records[i].time > f.records[i - 1].time);
    }
    free(f.header);
    mqoe_segment_close(&s);
}

// The child: a native process that reports its segment's path and is killed while it holds unspooled records.
static void doomed_writer(int out) {
    struct mqoe_segment s;
    char path[64] = {0};
    if (mqoe_segment_create(&s, "tcp_bin", "doomed", 64) < 0)
        _exit(1);
    write_records(&s, 0, 10);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), s.fd);
    if (write(out, path, sizeof path) != sizeof path)
        _exit(1);
    for (;;)
        pause();
}

static void a_dead_writers_records_are_kept(void **state) {
    (void)state;
    int ends[2];
    char path[64];
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0)
        doomed_writer(ends[1]);
    assert_int_equal(read(ends[0], path, sizeof path), sizeof path);
    assert_true(mqoe_spool_add(path) >= 0);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    assert_int_equal(mqoe_spool_stop(), 0);
    assert_file("doomed", 0, 10, 0);
    close(ends[0]);
    close(ends[1]);
}

static void limit_file_size(rlim_t bytes) {
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

// A disk that is full for a while (here: a limit on the file's size, in the middle of a record).
static void a_full_disk_is_reported_and_outlived(void **state) {
    (void)state;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(mqoe_spool_start(folder, 5), 0);
    struct mqoe_segment s = add_segment("disk", 64);
    limit_file_size(MQOE_SEGMENT_HEADER + 10 * sizeof(record) + 3);
    write_records(&s, 0, 20);
    sleep_ms(100);
    struct file f = read_file("disk");
    assert_int_equal(f.count, 10);
    free(f.header);
    limit_file_size(RLIM_INFINITY);
    assert_int_equal(mqoe_spool_stop(), -EFBIG);
    assert_file("disk", 0, 20, 0);
    mqoe_segment_close(&s);
}

static void a_view_outlives_the_spool_as_zeros(void **state) {
    (void)state;
    uint64_t bytes = 0;
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    struct mqoe_segment s = add_segment("view", 64);
    const struct mqoe_segment_header *view = mqoe_spool_view(0, &bytes);
    assert_non_null(view);
    assert_int_equal(bytes, MQOE_SEGMENT_HEADER + 64 * sizeof(record));
    write_records(&s, 0, 3);
    assert_int_equal(view->head, 3);
    assert_null(mqoe_spool_view(1, &bytes));
    assert_null(mqoe_spool_view(-1, &bytes));
    assert_int_equal(mqoe_spool_stop(), 0);
    assert_int_equal(view->head, 0);
    assert_null(mqoe_spool_view(0, &bytes));
    mqoe_segment_close(&s);
}

static void misuse_is_refused(void **state) {
    (void)state;
    assert_int_equal(mqoe_spool_stop(), -EBADF);
    assert_int_equal(mqoe_spool_start("/no/such/folder", NEVER), -ENOENT);
    assert_int_equal(mqoe_spool_start(folder, NEVER), 0);
    assert_int_equal(mqoe_spool_start(folder, NEVER), -EBUSY);
    assert_int_equal(mqoe_spool_add("/no/such/segment"), -ENOENT);
    assert_int_equal(mqoe_spool_add("/proc/self/exe"), -EBADMSG);
    assert_int_equal(mqoe_spool_add("/dev/null"), -EBADMSG);
    struct mqoe_segment s = add_segment("twin", 8);
    assert_int_equal(mqoe_spool_add(segment_path(&s)), -EEXIST);
    // A capacity that the file cannot hold would make the reader run off the mapping.
    struct mqoe_segment liar;
    assert_int_equal(mqoe_segment_create(&liar, "tcp_bin", "liar", 8), 0);
    liar.header->capacity = 1 << 20;
    assert_int_equal(mqoe_spool_add(segment_path(&liar)), -EBADMSG);
    liar.header->capacity = 8;
    strcpy(liar.header->writer, "../../liar");
    assert_int_equal(mqoe_spool_add(segment_path(&liar)), -EBADMSG);
    assert_int_equal(mqoe_spool_stop(), 0);
    mqoe_segment_close(&liar);
    mqoe_segment_close(&s);
}

static int make_folder(void **state) {
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    static const char *const writers[] = {"full",   "over", "pen",  "live", "race",
                                          "doomed", "disk", "view", "twin"};
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++)
        unlink(file_path(writers[i]));
    return rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_describes_itself),
        cmocka_unit_test(bad_segments_are_refused),
        cmocka_unit_test(a_segment_cannot_be_cut_short),
        cmocka_unit_test(a_full_ring_loses_nothing),
        cmocka_unit_test(overwritten_records_are_counted),
        cmocka_unit_test(a_record_under_the_writers_pen_is_not_read),
        cmocka_unit_test(the_spool_follows_while_it_is_written),
        cmocka_unit_test(a_race_tears_no_record),
        cmocka_unit_test(a_dead_writers_records_are_kept),
        cmocka_unit_test(a_full_disk_is_reported_and_outlived),
        cmocka_unit_test(a_view_outlives_the_spool_as_zeros),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
