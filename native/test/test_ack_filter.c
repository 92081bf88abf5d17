// The ACK filter: what it takes out of a queue, and the long list of what it must keep.
#include "frames.h"
#include "sqm/ack_filter.h"

enum { FIN = 0x01, SYN = 0x02, RST = 0x04, PSH = 0x08, ACK = 0x10, URG = 0x20, ECE = 0x40, CWR = 0x80 };
enum shape { IPV4, IPV6, SIX_IN_FOUR };

// One segment to be built; what is 0 has the default of segment().
struct spec {
    enum shape shape;
    uint32_t ack;
    uint8_t flags;
    uint8_t options[40];
    uint8_t option_bytes; // a multiple of 4
    uint8_t reserved;     // the low bits of TCP's byte 12
    uint16_t payload, port;
    uint8_t host; // last byte of the source address
};

#define MAX_FRAMES 16

struct queue {
    struct mqoe_frame frames[MAX_FRAMES];
    uint8_t *bytes[MAX_FRAMES];
    struct mqoe_frame_list list;
    uint32_t count;
};

static uint32_t put_ipv4(uint8_t *ip, uint8_t host, uint8_t proto, uint32_t payload) {
    uint32_t total = 20 + payload;
    ip[0] = 0x45;
    ip[2] = (uint8_t)(total >> 8);
    ip[3] = (uint8_t)total;
    ip[9] = proto;
    ip[12] = 10;
    ip[15] = host;
    ip[16] = 10;
    ip[19] = 200;
    return 20;
}

static uint32_t put_ipv6(uint8_t *ip, uint8_t host, uint32_t payload) {
    ip[0] = 0x60;
    ip[4] = (uint8_t)(payload >> 8);
    ip[5] = (uint8_t)payload;
    ip[6] = 6;
    ip[8] = 0xfd;
    ip[23] = host;
    ip[24] = 0xfd;
    ip[39] = 200;
    return 40;
}

static void put32(uint8_t *p, uint32_t value) {
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void put_tcp(uint8_t *tcp, const struct spec *s) {
    tcp[0] = 0x30;
    tcp[1] = (uint8_t)s->port;
    tcp[3] = 80;
    put32(tcp + 8, s->ack);
    tcp[12] = (uint8_t)((5 + s->option_bytes / 4) << 4 | s->reserved);
    tcp[13] = s->flags ? s->flags : ACK;
    memcpy(tcp + 20, s->options, s->option_bytes);
}

// Appends the segment; its bytes are an allocation of exactly its length, for the sanitizer to watch.
static struct mqoe_frame *append(struct queue *q, struct spec s) {
    assert_true(q->count < MAX_FRAMES);
    uint32_t i = q->count++, tcp_len = 20u + s.option_bytes + s.payload;
    uint32_t ip_len = s.shape == IPV4 ? 20 : s.shape == IPV6 ? 40 : 60, at = 14;
    uint8_t *data = calloc(1, 14 + ip_len + tcp_len);
    assert_non_null(data);
    if (s.shape == IPV4)
        at += put_ipv4(data + at, s.host, 6, tcp_len);
    if (s.shape == SIX_IN_FOUR)
        at += put_ipv4(data + at, 1, 41, 40 + tcp_len);
    if (s.shape != IPV4)
        at += put_ipv6(data + at, s.host, tcp_len);
    put_tcp(data + at, &s);
    q->bytes[i] = data;
    q->frames[i] = (struct mqoe_frame){
        .data = data, .len = at + tcp_len, .l3_offset = 14, .family = s.shape == IPV6 ? 6 : 4, .user = i};
    mqoe_frame_list_push(&q->list, &q->frames[i]);
    return &q->frames[i];
}

static void done(struct queue *q) {
    for (uint32_t i = 0; i < q->count; i++)
        free(q->bytes[i]);
    *q = (struct queue){0};
}

static void expect_kept(struct queue *q) {
    assert_null(mqoe_ack_filter(&q->list, MQOE_ACK_FILTER_AGGRESSIVE));
    uint32_t left = 0;
    for (struct mqoe_frame *f = q->list.head; f; f = f->next)
        assert_int_equal(f->user, left++);
    assert_int_equal(left, q->count);
    done(q);
}

// That exactly frame `i` goes, in this mode; the others keep their order.
static void expect_taken(struct queue *q, enum mqoe_ack_filter mode, uint32_t i) {
    struct mqoe_frame *f = mqoe_ack_filter(&q->list, mode);
    assert_non_null(f);
    assert_int_equal(f->user, i);
    assert_null(f->next);
    assert_ptr_equal(q->list.tail, &q->frames[q->count - 1]);
    uint32_t next = 0, left = 0;
    for (f = q->list.head; f; f = f->next, left++) {
        next += next == i;
        assert_int_equal(f->user, next++);
    }
    assert_int_equal(left, q->count - 1);
    done(q);
}

static struct spec ack(uint32_t number) {
    return (struct spec){.ack = number};
}

static struct spec with_sack(uint32_t number, uint32_t start, uint32_t end) {
    struct spec s = {.ack = number, .options = {1, 1, 5, 10}, .option_bytes = 12};
    put32(s.options + 4, start);
    put32(s.options + 8, end);
    return s;
}

static struct spec with_timestamp(uint32_t number, uint32_t value, uint32_t echo) {
    struct spec s = {.ack = number, .options = {1, 1, 8, 10}, .option_bytes = 12};
    put32(s.options + 4, value);
    put32(s.options + 8, echo);
    return s;
}

// ---- what goes ----

static void the_second_redundant_ack_costs_the_first(void **state) {
    (void)state;
    for (enum shape shape = IPV4; shape <= SIX_IN_FOUR; shape++) {
        struct queue q = {0};
        for (uint32_t i = 0; i < 3; i++)
            append(&q, (struct spec){.shape = shape, .ack = 1000 * i});
        expect_taken(&q, MQOE_ACK_FILTER_ON, 0);
    }
}

static void one_redundant_ack_stays_unless_aggressive(void **state) {
    (void)state;
    for (enum shape shape = IPV4; shape <= SIX_IN_FOUR; shape++) {
        struct queue q = {0};
        append(&q, (struct spec){.shape = shape, .ack = 1000});
        append(&q, (struct spec){.shape = shape, .ack = 2000});
        assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_OFF));
        assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_ON));
        expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
    }
}

static void at_most_one_goes_at_a_time(void **state) {
    (void)state;
    struct queue q = {0};
    for (uint32_t i = 0; i < 10; i++)
        append(&q, ack(i));
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_ON)->user, i);
    assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_ON));
    assert_int_equal(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_AGGRESSIVE)->user, 8);
    assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_AGGRESSIVE));
    assert_ptr_equal(q.list.head, q.list.tail);
    done(&q);
}

static void others_between_do_not_hide_it(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, (struct spec){.ack = 9, .port = 7}); // another flow, which shares the queue
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 9, .host = 7});
    append(&q, ack(2000));
    append(&q, ack(3000));
    expect_taken(&q, MQOE_ACK_FILTER_ON, 1);
}

static void aggressive_wants_it_right_before_the_trigger(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 9, .port = 7});
    append(&q, ack(2000));
    expect_kept(&q);
}

static void a_trigger_may_carry_data(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 2000, .payload = 100, .flags = ACK | PSH});
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

static void acknowledgement_numbers_wrap(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(UINT32_MAX - 10));
    append(&q, ack(10));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

static void padding_is_no_payload(void **state) {
    (void)state;
    struct queue q = {0};
    struct mqoe_frame *f = append(&q, ack(1000));
    q.bytes[0] = f->data = realloc(f->data, 60);
    memset(f->data + f->len, 0, 60 - f->len);
    f->len = 60; // Ethernet's least
    append(&q, ack(2000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

static void a_sack_that_grew_replaces_the_smaller_one(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, with_sack(1000, 2000, 3000));
    append(&q, with_sack(1000, 2000, 4000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
    append(&q, ack(1000)); // the first duplicate has no SACK yet
    append(&q, with_sack(1000, 2000, 3000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
    append(&q, with_sack(1000, 2000, 3000)); // the same SACK, but more acknowledged
    append(&q, with_sack(1500, 2000, 3000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

static struct spec two_blocks(uint32_t number, const uint32_t edges[4]) {
    struct spec s = {.ack = number, .options = {1, 1, 5, 18}, .option_bytes = 20};
    for (int i = 0; i < 4; i++)
        put32(s.options + 4 + 4 * i, edges[i]);
    return s;
}

static void every_block_must_be_covered(void **state) {
    (void)state;
    static const uint32_t held[] = {5000, 6000, 2000, 3000}, all[] = {7000, 8000, 2000, 6000};
    struct queue q = {0};
    append(&q, two_blocks(1000, held));
    append(&q, two_blocks(1000, all));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
    append(&q, two_blocks(1000, held));
    append(&q, with_sack(1000, 5000, 7000)); // says nothing of 2000 … 3000
    expect_kept(&q);
}

static void newer_timestamps_and_md5_are_harmless(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, with_timestamp(1000, UINT32_MAX, 7)); // wraps
    append(&q, with_timestamp(2000, 1, 7));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
    append(&q, (struct spec){.ack = 1000, .options = {19, 18, [18] = 0}, .option_bytes = 20});
    append(&q, ack(2000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

// ---- what stays ----

static void duplicate_acks_stay(void **state) {
    (void)state;
    struct queue q = {0};
    for (int i = 0; i < 4; i++)
        append(&q, ack(1000));
    expect_kept(&q);
    for (int i = 0; i < 4; i++)
        append(&q, with_sack(1000, 2000, 3000));
    expect_kept(&q);
}

static void an_ack_of_more_than_the_trigger_stays(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(2000));
    append(&q, ack(1000)); // reordered
    expect_kept(&q);
}

static void sacks_that_the_trigger_lacks_stay(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, with_sack(1000, 2000, 4000));
    append(&q, with_sack(1000, 2000, 3000));
    expect_kept(&q);
    append(&q, with_sack(1000, 1500, 2500)); // overlap is not cover
    append(&q, with_sack(1000, 2000, 5000));
    expect_kept(&q);
    append(&q, with_sack(1000, 2000, 3000));
    append(&q, ack(5000));
    expect_kept(&q);
}

static void a_duplicate_sack_stays(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, with_sack(1000, 500, 700)); // RFC 2883: below the acknowledgement number
    append(&q, with_sack(2000, 400, 9000));
    expect_kept(&q);
}

static void other_flags_stay(void **state) {
    (void)state;
    static const uint8_t flags[] = {ACK | SYN, ACK | FIN, ACK | RST, ACK | PSH, ACK | URG, SYN, FIN};
    struct queue q = {0};
    for (size_t i = 0; i < sizeof flags; i++) {
        append(&q, (struct spec){.ack = 1000, .flags = flags[i]});
        append(&q, ack(2000));
        expect_kept(&q);
    }
    for (uint8_t bit = 1; bit <= 8; bit <<= 1) { // three reserved, and accurate ECN's AE
        append(&q, (struct spec){.ack = 1000, .reserved = bit});
        append(&q, ack(2000));
        expect_kept(&q);
    }
}

static void a_trigger_that_is_no_ack_does_nothing(void **state) {
    (void)state;
    static const uint8_t flags[] = {SYN, ACK | SYN, RST};
    struct queue q = {0};
    for (size_t i = 0; i < sizeof flags; i++) {
        append(&q, ack(1000));
        append(&q, (struct spec){.ack = 2000, .flags = flags[i]});
        expect_kept(&q);
    }
}

static void data_stays(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, (struct spec){.ack = 1000, .payload = 1});
    append(&q, ack(2000));
    expect_kept(&q);
}

static void options_that_mean_something_stay(void **state) {
    (void)state;
    static const uint8_t options[][4] = {
        {2, 4, 5, 0xb4}, // MSS
        {3, 3, 7, 0},    // window scale
        {4, 2, 1, 1},    // SACK permitted
        {34, 2, 1, 1},   // TCP Fast Open
        {30, 4, 0, 0},   // MPTCP
        {253, 4, 0, 0},  // experimental
        {5, 4, 0, 0},    // a SACK of half a block
        {8, 4, 0, 0},    // a timestamp of the wrong length
        {19, 5, 0, 0},   // longer than the header
        {19, 1, 0, 0},   // shorter than itself
        {1, 1, 1, 19},   // without a length
    };
    struct queue q = {0};
    for (size_t i = 0; i < sizeof options / 4; i++) {
        struct spec s = {.ack = 1000, .option_bytes = 4};
        memcpy(s.options, options[i], 4);
        append(&q, s);
        append(&q, ack(2000));
        expect_kept(&q);
    }
}

static void what_follows_the_end_of_options_does_not_count(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, (struct spec){.ack = 1000, .options = {0, 2, 4, 1}, .option_bytes = 4});
    append(&q, ack(2000));
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

static void newer_timestamps_than_the_triggers_stay(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, with_timestamp(1000, 8, 7));
    append(&q, with_timestamp(2000, 7, 7));
    expect_kept(&q);
    append(&q, with_timestamp(1000, 7, 8));
    append(&q, with_timestamp(2000, 7, 7));
    expect_kept(&q);
    append(&q, with_timestamp(1000, 0xf0000000, 7)); // "older" than the 0 that is not there
    append(&q, ack(2000));
    expect_kept(&q);
}

static void other_flows_stay(void **state) {
    (void)state;
    static const struct spec others[] = {
        {.ack = 1, .host = 1},
        {.ack = 1, .port = 1},
        {.ack = 1, .shape = IPV6},
        {.ack = 1, .shape = SIX_IN_FOUR},
    };
    struct queue q = {0};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        append(&q, others[i]);
        append(&q, others[i]);
        append(&q, ack(2000));
        expect_kept(&q);
    }
}

// ---- ECN feedback ----

static void a_change_of_ece_or_cwr_forgets_what_came_before(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 2000, .flags = ACK | ECE});
    append(&q, ack(3000));
    expect_kept(&q);
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 2000, .flags = ACK | ECE});
    append(&q, (struct spec){.ack = 3000, .flags = ACK | ECE});
    append(&q, (struct spec){.ack = 4000, .flags = ACK | ECE});
    expect_taken(&q, MQOE_ACK_FILTER_ON, 1); // the last without ECE is the end of a round and stays
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 1500, .flags = ACK | CWR, .payload = 10}); // data tells as well
    append(&q, ack(2000));
    append(&q, ack(3000));
    assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_ON)); // one before it, one after it
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 2);
}

static void aggressive_needs_the_triggers_ecn(void **state) {
    (void)state;
    struct queue q = {0};
    append(&q, ack(1000));
    append(&q, (struct spec){.ack = 2000, .flags = ACK | ECE});
    expect_kept(&q);
    append(&q, (struct spec){.ack = 1000, .flags = ACK | ECE});
    append(&q, (struct spec){.ack = 2000, .flags = ACK | ECE});
    expect_taken(&q, MQOE_ACK_FILTER_AGGRESSIVE, 0);
}

// ---- frames that are not what they say ----

static void damaged_frames_stay_and_are_not_read_beyond_their_end(void **state) {
    (void)state;
    for (enum shape shape = IPV4; shape <= SIX_IN_FOUR; shape++)
        for (uint32_t cut = 1; cut <= 94; cut++) {
            struct queue q = {0};
            struct mqoe_frame *f = append(&q, (struct spec){.shape = shape, .ack = 1000});
            append(&q, (struct spec){.shape = shape, .ack = 2000});
            if (cut >= f->len) {
                done(&q);
                continue;
            }
            f->len -= cut;
            q.bytes[0] = f->data = realloc(f->data, f->len);
            if (f->len < f->l3_offset)
                f->family = 0; // what the parser says of it
            expect_kept(&q);
        }
}

static void lengths_that_lie_disqualify(void **state) {
    (void)state;
    static const struct {
        uint8_t at, value;
    } lies[] = {
        {14, 0x44}, // a header of 16 bytes
        {14, 0x65}, // version 6
        {14, 0x4f}, // a header longer than the packet
        {16, 0xff}, // a packet longer than the frame
        {17, 19},   // shorter than its header
        {20, 0x20}, // a fragment
        {21, 1},    // one that is not the first
        {23, 17},   // UDP
        {46, 0x40}, // TCP's header of 16 bytes
        {46, 0x60}, // longer than the packet
    };
    struct queue q = {0};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        append(&q, ack(1000))->data[lies[i].at] = lies[i].value;
        append(&q, ack(2000));
        expect_kept(&q);
    }
    append(&q, (struct spec){.ack = 1000, .shape = IPV6})->data[19] = 200; // payload length
    append(&q, (struct spec){.ack = 2000, .shape = IPV6});
    expect_kept(&q);
    append(&q, (struct spec){.ack = 1000, .shape = IPV6})->data[20] = 0; // hop-by-hop options
    append(&q, (struct spec){.ack = 2000, .shape = IPV6});
    expect_kept(&q);
}

static void a_queue_of_one_or_none_has_nothing_to_filter(void **state) {
    (void)state;
    struct queue q = {0};
    assert_null(mqoe_ack_filter(&q.list, MQOE_ACK_FILTER_AGGRESSIVE));
    append(&q, ack(1000));
    expect_kept(&q);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_redundant_ack_costs_the_first),
        cmocka_unit_test(one_redundant_ack_stays_unless_aggressive),
        cmocka_unit_test(at_most_one_goes_at_a_time),
        cmocka_unit_test(others_between_do_not_hide_it),
        cmocka_unit_test(aggressive_wants_it_right_before_the_trigger),
        cmocka_unit_test(a_trigger_may_carry_data),
        cmocka_unit_test(acknowledgement_numbers_wrap),
        cmocka_unit_test(padding_is_no_payload),
        cmocka_unit_test(a_sack_that_grew_replaces_the_smaller_one),
        cmocka_unit_test(every_block_must_be_covered),
        cmocka_unit_test(newer_timestamps_and_md5_are_harmless),
        cmocka_unit_test(duplicate_acks_stay),
        cmocka_unit_test(an_ack_of_more_than_the_trigger_stays),
        cmocka_unit_test(sacks_that_the_trigger_lacks_stay),
        cmocka_unit_test(a_duplicate_sack_stays),
        cmocka_unit_test(other_flags_stay),
        cmocka_unit_test(a_trigger_that_is_no_ack_does_nothing),
        cmocka_unit_test(data_stays),
        cmocka_unit_test(options_that_mean_something_stay),
        cmocka_unit_test(what_follows_the_end_of_options_does_not_count),
        cmocka_unit_test(newer_timestamps_than_the_triggers_stay),
        cmocka_unit_test(other_flows_stay),
        cmocka_unit_test(a_change_of_ece_or_cwr_forgets_what_came_before),
        cmocka_unit_test(aggressive_needs_the_triggers_ecn),
        cmocka_unit_test(damaged_frames_stay_and_are_not_read_beyond_their_end),
        cmocka_unit_test(lengths_that_lie_disqualify),
        cmocka_unit_test(a_queue_of_one_or_none_has_nothing_to_filter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
