// The scripts of web pages and of video over loopback: who is asked for what, over which connection, what is
// recorded of it; and plans of theirs that are refused.
#include "session_bed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>

#include "traffic/script_video.h"
#include "traffic/script_web.h"

#define WEB(pages, connections, reuse)                                                                       \
    "{'kind':'web','connections':" #connections ",'reuse':" #reuse ",'pages':" pages ",'thinks':[20000000]}"
#define VIDEO                                                                                                \
    "{'kind':'video','segment':100000000,'buffer':600000000,'startup':200000000,'resume':100000000,"         \
    "'adaptation':'throughput','bitrates':[1000000,4000000],'sizes':[1000,1500]}"

// ---- pages ----

// Seven objects over three connections, two over one: the document alone, and no connection that the page
// before has used.
static void pages_come_over_fresh_connections(void **state) {
    (void)state;
    static const uint64_t sizes[2][7] = {{1000, 20000, 3000, 1, 500000, 0, 70000}, {5000, 6000}};
    static const uint32_t counts[2] = {7, 2};
    struct session_bed b;
    uint64_t page_count, transfer_count, at = 0;
    bed_open(&b, WEB("[[1000,20000,3000,1,500000,0,70000],[5000,6000]]", 3, false), 39611, 400 * MS);
    bed_listen(&b, TRAFFIC_SERVER);
    bed_run(&b, 500 * MS);
    const struct mqoe_record_page *p = bed_records(&b, "page", &page_count);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfer_count);
    assert_true(page_count > 4);
    uint32_t last_connection = 0;
    for (uint64_t i = 0; i < page_count && p[i].result == 0; i++) {
        uint64_t bytes = 0;
        uint32_t first = UINT32_MAX, last = 0;
        assert_int_equal(p[i].session, 9);
        assert_int_equal(p[i].page, i);
        assert_int_equal(p[i].variant, i % 2);
        assert_int_equal(p[i].objects, counts[i % 2]);
        assert_int_equal(p[i].failed, 0);
        assert_true(i == 0 ? p[i].started >= BED_START : p[i].started >= p[i - 1].time + 20 * MS);
        for (uint32_t k = 0; k < counts[i % 2]; k++, at++) {
            assert_true(at < transfer_count);
            assert_int_equal(t[at].group, i);
            assert_int_equal(t[at].result, 0);
            assert_int_equal(t[at].down_received, t[at].down_bytes);
            assert_true(t[at].asked >= p[i].started && t[at].time <= p[i].time);
            if (k == 0) {
                assert_int_equal(t[at].label, 1);
                assert_int_equal(t[at].down_bytes, sizes[i % 2][0]);
                assert_true(t[at].asked == p[i].started);
            } else {
                assert_int_equal(t[at].label, 2);
                assert_true(t[at].asked >= t[at - k].time); // the document says what else there is
            }
            bytes += t[at].down_bytes;
            first = t[at].connection < first ? t[at].connection : first;
            last = t[at].connection > last ? t[at].connection : last;
        }
        assert_true(p[i].bytes == bytes);
        assert_true(first >= last_connection && last - first == (i % 2 ? 0 : 2));
        last_connection = last + 1;
    }
    bed_close(&b);
}

static void kept_connections_serve_the_next_page(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t page_count, transfer_count;
    bed_open(&b, WEB("[[1000,2000,3000]]", 2, true), 39612, 300 * MS);
    bed_listen(&b, TRAFFIC_SERVER);
    bed_run(&b, 400 * MS);
    const struct mqoe_record_page *p = bed_records(&b, "page", &page_count);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfer_count);
    assert_true(page_count > 4);
    assert_int_equal(p[1].result, 0);
    for (uint64_t i = 0; i < transfer_count; i++) {
        assert_true(t[i].connection < 2);
        assert_int_equal(t[i].fresh, t[i].index == 0 || (t[i].connection == 1 && t[i].group == 0));
    }
    bed_close(&b);
}

// Without a server every page fails with its document, and the client leaves it alone for a second.
static void a_page_without_its_document_is_over(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t page_count, transfer_count;
    bed_open(&b, WEB("[[1000,2000,3000]]", 2, false), 39613, 300 * MS);
    bed_run(&b, 400 * MS);
    const struct mqoe_record_page *p = bed_records(&b, "page", &page_count);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfer_count);
    assert_int_equal(page_count, 1);
    assert_int_equal(p[0].result, 1);
    assert_int_equal(p[0].failed, 1);
    assert_int_equal(p[0].objects, 3);
    assert_int_equal(transfer_count, 1);
    assert_int_equal(t[0].error, ECONNREFUSED);
    bed_close(&b);
}

// A listener of a stranger, which accepts nothing: the page is under way at the end.
static void a_page_under_way_is_broken_off(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t count;
    bed_open(&b, WEB("[[1000,2000]]", 2, false), 39614, 150 * MS);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(39614)};
    assert_int_equal(inet_pton(AF_INET, BED_SERVER, &address.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, 4), 0);
    bed_run(&b, 250 * MS);
    const struct mqoe_record_page *p = bed_records(&b, "page", &count);
    assert_int_equal(count, 1);
    assert_int_equal(p[0].result, 2);
    assert_true(p[0].time >= 150 * MS && p[0].started >= BED_START);
    close(fd);
    bed_close(&b);
}

// ---- video ----

static uint64_t count_events(const struct mqoe_record_video *v, uint64_t count, unsigned event) {
    uint64_t found = 0;
    for (uint64_t i = 0; i < count; i++)
        found += v[i].event == event;
    return found;
}

// Segments of 100 ms: two to begin with, six to fill the buffer, then one each 100 ms. Loopback carries any
// rung.
static void a_video_fills_its_buffer_and_keeps_it_full(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t count, transfer_count;
    bed_open(&b, VIDEO, 39615, 1000 * MS);
    bed_listen(&b, TRAFFIC_SERVER);
    bed_run(&b, 1100 * MS);
    const struct mqoe_record_video *v = bed_records(&b, "video", &count);
    const struct mqoe_record_transfer *t = bed_records(&b, "transfer", &transfer_count);
    assert_int_equal(v[0].event, 1);
    assert_int_equal(v[count - 1].event, 6);
    assert_int_equal(count_events(v, count, 3), 1);
    assert_int_equal(count_events(v, count, 4), 0);
    uint64_t segments = count_events(v, count, 2);
    assert_in_range(segments, 13, 16); // 6 at once, then one for each 100 ms of the 990 that play
    assert_true(v[count - 1].buffered <= 600 * (uint64_t)MS);
    for (uint64_t i = 0; i < transfer_count; i++) {
        uint64_t bitrate = i ? 4000000 : 1000000; // nothing is known of the first
        assert_int_equal(t[i].connection, 0);
        assert_int_equal(t[i].group, i);
        assert_int_equal(t[i].label, i ? 1 : 0);
        assert_true(t[i].down_bytes == bitrate / 80 * (i % 2 ? 3 : 2) / 2);
        if (i >= 7)
            assert_true(t[i].asked - t[i - 1].asked > 80 * MS);
    }
    bed_close(&b);
}

static void a_video_tries_again(void **state) {
    (void)state;
    struct session_bed b;
    uint64_t count;
    bed_open(&b, VIDEO, 39616, 1300 * MS);
    bed_run(&b, 1400 * MS);
    const struct mqoe_record_video *v = bed_records(&b, "video", &count);
    assert_int_equal(count_events(v, count, 5), 2);
    assert_true(v[1].event == 5 && v[1].value == ECONNREFUSED);
    assert_true(v[2].time - v[1].time >= 1000 * MS);
    assert_int_equal(count_events(v, count, 3), 0);
    bed_close(&b);
}

// ---- plans ----

static void refuse(const char *script, const char *object, const char *hint) {
    struct traffic_plan plan;
    struct mqoe_error e;
    assert_int_equal(traffic_plan_read(&plan, bed_plan(script, 1, 100 * MS), "plan", &e), -EINVAL);
    if (!strstr(e.object, object) || !strstr(e.hint, hint))
        fail_msg("%s: \"%s %s\" does not say \"%s\" \"%s\"", script, e.object, e.hint, object, hint);
    traffic_plan_free(&plan);
}

#define VIDEO_WITH(buffer, startup, bitrates, sizes)                                                         \
    "{'kind':'video','segment':100000000,'buffer':" #buffer ",'startup':" #startup ",'resume':0,"            \
    "'adaptation':'bola','bitrates':[" bitrates "],'sizes':[" sizes "]}"

static void impossible_scripts_are_refused(void **state) {
    (void)state;
    refuse(WEB("[]", 6, false), "script.pages", "one page");
    refuse(WEB("[[1],[]]", 6, false), "script.pages[1]", "at least one, the document's");
    refuse(WEB("[[1],7]", 6, false), "script.pages[1]", "a list of sizes");
    refuse(WEB("[[1,-1]]", 6, false), "script.pages[0][1]", "whole number");
    refuse(WEB("[[1]]", 33, false), "script.connections", "1");
    refuse("{'kind':'web','connections':6,'reuse':true,'pages':[[1]],'thinks':[]}", "script.thinks",
           "one time");
    refuse("{'kind':'web','connections':6,'reuse':true,'pages':[[1]],'thinks':[0],'more':1}", "script.more",
           "unknown");
    refuse(VIDEO_WITH(150000000, 0, "1", "1000"), "script.buffer", "at least two segments");
    refuse(VIDEO_WITH(300000000, 200000001, "1", "1000"), "script.startup", "200000000");
    refuse(VIDEO_WITH(300000000, 0, "", "1000"), "script.bitrates", "1 to 16");
    refuse(VIDEO_WITH(300000000, 0, "5,5", "1000"), "script.bitrates[1]", "more than the one before");
    refuse(VIDEO_WITH(300000000, 0, "5", "0"), "script.sizes[0]", "per mille");
    refuse(VIDEO_WITH(300000000, 0, "5", ""), "script.sizes", "must have 1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_come_over_fresh_connections),
        cmocka_unit_test(kept_connections_serve_the_next_page),
        cmocka_unit_test(a_page_without_its_document_is_over),
        cmocka_unit_test(a_page_under_way_is_broken_off),
        cmocka_unit_test(a_video_fills_its_buffer_and_keeps_it_full),
        cmocka_unit_test(a_video_tries_again),
        cmocka_unit_test(impossible_scripts_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
