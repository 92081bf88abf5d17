// The `sqm` objects of a blueprint as our dataplane reads them: each discipline whole, then each thing wrong.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/config.h"
#include "dataplane/config_sqm.h"

#define CAKE                                                                                                 \
    "{'discipline':'cake','tins':'diffserv4','rtt':50000000,'isolation':'dual-dsthost','nat':false,"         \
    "'wash':true,'ackFilter':'aggressive','ingress':true,'splitGso':false,'memoryLimit':5000000,"            \
    "'autorateIngress':true}"
#define FQ_CODEL                                                                                             \
    "{'discipline':'fq_codel','target':5000000,'interval':100000000,'quantum':300,'flows':512,"              \
    "'limit':4000,'memoryLimit':4194304,'ecn':false,'ceThreshold':-1}"
#define CODEL                                                                                                \
    "{'discipline':'codel','target':8000000,'interval':120000000,'limit':500,'ecn':true,'ceThreshold':7000}"
#define COBALT "{'discipline':'cobalt','target':6000000,'interval':110000000,'limit':600,'ecn':true}"
#define DUALPI2                                                                                              \
    "{'discipline':'dualpi2','limit':9000,'memoryLimit':30280000,'target':14000000,'tupdate':17000000,"      \
    "'alpha':41,'beta':819,'step':{'unit':'packets','threshold':12},'minQlenStep':3,'coupling':4,"           \
    "'classicProtection':15,'dropOnOverload':true,'dropEarly':false,'ecnMask':'any'}"
#define PFIFO "{'discipline':'pfifo','limit':100}"
#define BFIFO "{'discipline':'bfifo','limit':250000}"
#define NONE  "{'discipline':'none'}"

// JSON with single quotes.
static json_t *parse(const char *text) {
    char buffer[512];
    size_t i = 0;
    assert_true(strlen(text) < sizeof buffer);
    for (; text[i]; i++)
        buffer[i] = text[i] == '\'' ? '"' : text[i];
    buffer[i] = 0;
    json_error_t e;
    json_t *json = json_loads(buffer, JSON_DECODE_ANY, &e);
    if (!json)
        fail_msg("%s in %s", e.text, buffer);
    return json;
}

// A shaper with this sqm, which the caller may change before it is read; rate 0 for `none`.
static json_t *shaper_of(const char *sqm) {
    return json_pack("{s:I, s:{s:s, s:i, s:i, s:s}, s:o}", "rate",
                     (json_int_t)(strcmp(sqm, NONE) ? 20000000 : 0), "framing", "base", "frame", "overhead",
                     0, "mpu", 0, "cell", "none", "sqm", parse(sqm));
}

static void read_shaper(json_t *shaper, struct mqoe_leaf_config *out, struct mqoe_error *e) {
    *e = (struct mqoe_error){0};
    struct mqoe_node root = mqoe_node_root(shaper, e);
    mqoe_dp_read_shaper(&root, 1514, out);
    json_decref(shaper);
}

static struct mqoe_discipline_config good(const char *sqm) {
    struct mqoe_leaf_config leaf;
    struct mqoe_error e;
    read_shaper(shaper_of(sqm), &leaf, &e);
    if (e.errnum)
        fail_msg("%s: %s %s", sqm, e.object, e.hint);
    return leaf.discipline;
}

static void reads_cake(void **state) {
    (void)state;
    struct mqoe_discipline_config d = good(CAKE);
    const struct mqoe_cake_config *q = &d.cake;
    assert_int_equal(d.kind, MQOE_CAKE);
    assert_int_equal(q->tins, MQOE_CAKE_DIFFSERV4);
    assert_int_equal(q->isolation, MQOE_CAKE_DUAL_DSTHOST);
    assert_int_equal(q->ack_filter, MQOE_ACK_FILTER_AGGRESSIVE);
    assert_int_equal(q->rtt, 50000000);
    assert_int_equal(q->memory_limit, 5000000);
    assert_int_equal(q->mtu, 1514);
    assert_true(q->wash && q->ingress && q->autorate_ingress);
    assert_false(q->corrected_start); // as Linux
}

// The numbers of the enumerations are those of the lists of words.
static void reads_every_word_of_cake(void **state) {
    (void)state;
    static const struct {
        const char *key, *words[9];
    } lists[] = {
        {"tins", {"besteffort", "precedence", "diffserv3", "diffserv4", "diffserv8"}},
        {"isolation",
         {"flowblind", "srchost", "dsthost", "hosts", "flows", "dual-srchost", "dual-dsthost",
          "triple-isolate"}},
        {"ackFilter", {"off", "on", "aggressive"}},
    };
    for (int l = 0; l < 3; l++)
        for (int i = 0; lists[l].words[i]; i++) {
            json_t *shaper = shaper_of(CAKE);
            struct mqoe_leaf_config leaf;
            struct mqoe_error e;
            json_object_set_new(json_object_get(shaper, "sqm"), lists[l].key, json_string(lists[l].words[i]));
            read_shaper(shaper, &leaf, &e);
            assert_int_equal(e.errnum, 0);
            const struct mqoe_cake_config *q = &leaf.discipline.cake;
            int got = l == 0 ? (int)q->tins : l == 1 ? (int)q->isolation : (int)q->ack_filter;
            assert_int_equal(got, i);
        }
}

static void reads_codel_and_its_kin(void **state) {
    (void)state;
    struct mqoe_discipline_config d = good(FQ_CODEL);
    assert_int_equal(d.kind, MQOE_FQ_CODEL);
    assert_int_equal(d.fq_codel.flows, 512);
    assert_int_equal(d.fq_codel.mtu, 1514);
    d = good(CODEL);
    assert_int_equal(d.kind, MQOE_CODEL);
    assert_int_equal(d.codel.target, 8000000);
    assert_int_equal(d.codel.interval, 120000000);
    assert_int_equal(d.codel.limit, 500);
    assert_int_equal(d.codel.ce_threshold, 7000);
    assert_int_equal(d.codel.mtu, 1514);
    assert_true(d.codel.ecn);
    d = good(COBALT);
    assert_int_equal(d.kind, MQOE_COBALT);
    assert_int_equal(d.cobalt.target, 6000000);
    assert_int_equal(d.cobalt.interval, 110000000);
    assert_int_equal(d.cobalt.limit, 600);
    assert_int_equal(d.cobalt.mtu, 1514);
    assert_true(d.cobalt.ecn);
}

static void reads_dualpi2(void **state) {
    (void)state;
    struct mqoe_discipline_config d = good(DUALPI2);
    const struct mqoe_dualpi2_config *q = &d.dualpi2;
    assert_int_equal(d.kind, MQOE_DUALPI2);
    assert_int_equal(q->limit, 9000);
    assert_int_equal(q->memory_limit, 30280000);
    assert_int_equal(q->target, 14000000);
    assert_int_equal(q->tupdate, 17000000);
    assert_int_equal(q->alpha, 41);
    assert_int_equal(q->beta, 819);
    assert_true(q->step_in_packets);
    assert_int_equal(q->step_threshold, 12);
    assert_int_equal(q->min_qlen_step, 3);
    assert_int_equal(q->coupling, 4);
    assert_int_equal(q->classic_protection, 15);
    assert_true(q->drop_on_overload);
    assert_false(q->drop_early);
    assert_int_equal(q->ecn_mask, MQOE_DUALPI2_ANY);
    assert_int_equal(q->mtu, 1514);
}

static void reads_fifos_and_none(void **state) {
    (void)state;
    struct mqoe_discipline_config d = good(PFIFO);
    assert_int_equal(d.kind, MQOE_PFIFO);
    assert_int_equal(d.pfifo.limit, 100);
    d = good(BFIFO);
    assert_int_equal(d.kind, MQOE_BFIFO);
    assert_int_equal(d.bfifo.limit, 250000);
    assert_int_equal(good(NONE).kind, MQOE_NONE);
}

static void every_aqm_learns_the_largest_frame(void **state) {
    (void)state;
    struct mqoe_discipline_config cake = good(CAKE), fq_codel = good(FQ_CODEL), codel = good(CODEL),
                                  cobalt = good(COBALT), dualpi2 = good(DUALPI2), pfifo = good(PFIFO);
    struct mqoe_discipline_config *all[] = {&cake, &fq_codel, &codel, &cobalt, &dualpi2, &pfifo};
    for (int i = 0; i < 6; i++)
        mqoe_dp_sqm_set_max_frame(all[i], 1792);
    assert_int_equal(cake.cake.mtu, 1792);
    assert_int_equal(fq_codel.fq_codel.mtu, 1792);
    assert_int_equal(codel.codel.mtu, 1792);
    assert_int_equal(cobalt.cobalt.mtu, 1792);
    assert_int_equal(dualpi2.dualpi2.mtu, 1792);
    assert_int_equal(pfifo.pfifo.limit, 100);
}

static void split_gso_may_be_said_either_way(void **state) {
    (void)state;
    json_t *shaper = shaper_of(CAKE);
    struct mqoe_leaf_config leaf;
    struct mqoe_error e;
    json_object_set_new(json_object_get(shaper, "sqm"), "splitGso", json_true());
    read_shaper(shaper, &leaf, &e);
    assert_int_equal(e.errnum, 0);
}

static const struct wrong {
    const char *sqm, *key, *value; // value NULL: the key is left out
    const char *path, *says;
} wrongs[] = {
    {CAKE, "nat", "true", "$.sqm.nat", "no conntrack"},
    {CAKE, "nat", "0", "$.sqm.nat", "must be true or false"},
    {CAKE, "tins", "'diffserv5'", "$.sqm.tins", "besteffort, precedence"},
    {CAKE, "isolation", "'triple'", "$.sqm.isolation", "triple-isolate"},
    {CAKE, "ackFilter", "true", "$.sqm.ackFilter", "off, on, aggressive"},
    {CAKE, "rtt", "999", "$.sqm.rtt", "from 1000 to 1000000000000"},
    {CAKE, "autorateIngress", NULL, "$.sqm.autorateIngress", "is missing"},
    {CAKE, "splitGso", NULL, "$.sqm.splitGso", "is missing"},
    {CAKE, "limit", "5", "$.sqm.limit", "is unknown here; known: discipline, tins"},
    {CAKE, "memoryLimit", "2047", "$", "at least one frame's memory"},
    {CODEL, "quantum", "300", "$.sqm.quantum", "is unknown here"},
    {CODEL, "target", "0", "$.sqm.target", "from 1"},
    {CODEL, "target", "120000001", "$", "target <= interval"},
    {CODEL, "limit", "0", "$.sqm.limit", "from 1"},
    {CODEL, "ceThreshold", "-2", "$.sqm.ceThreshold", "from -1"},
    {COBALT, "ceThreshold", "-1", "$.sqm.ceThreshold", "is unknown here"},
    {COBALT, "target", "110000001", "$", "target <= interval"},
    {COBALT, "ecn", NULL, "$.sqm.ecn", "is missing"},
    {BFIFO, "limit", "0", "$.sqm.limit", "from 1 to 4294967295"},
    {BFIFO, "ecn", "true", "$.sqm.ecn", "is unknown here"},
    {DUALPI2, "stepThreshold", "1", "$.sqm.stepThreshold", "is unknown here"},
    {DUALPI2, "step", "5", "$.sqm.step", "must be an object"},
    {DUALPI2, "step", "{'unit':'us','threshold':5}", "$.sqm.step.unit", "time, packets"},
    {DUALPI2, "step", "{'unit':'time','threshold':-1}", "$.sqm.step.threshold", "from 0"},
    {DUALPI2, "step", "{'unit':'time','threshold':1,'x':1}", "$.sqm.step.x", "is unknown here"},
    {DUALPI2, "tupdate", "999", "$.sqm.tupdate", "from 1000"},
    {DUALPI2, "alpha", "0", "$.sqm.alpha", "from 1 to 16776960"},
    {DUALPI2, "coupling", "0", "$.sqm.coupling", "from 1 to 255"},
    {DUALPI2, "coupling", "256", "$.sqm.coupling", "from 1 to 255"},
    {DUALPI2, "classicProtection", "101", "$.sqm.classicProtection", "from 0 to 100"},
    {DUALPI2, "ecnMask", "3", "$.sqm.ecnMask", "l4s, any, none"},
    {DUALPI2, "memoryLimit", "2047", "$", "at least one frame's memory"},
    {DUALPI2, "dropEarly", NULL, "$.sqm.dropEarly", "is missing"},
    {NONE, "limit", "1", "$.sqm.limit", "is unknown here"},
    {PFIFO, "discipline", "'tc'", "$.sqm.discipline", "none, pfifo, fq_codel"},
};

static void names_what_is_wrong(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrongs / sizeof *wrongs; i++) {
        const struct wrong *w = &wrongs[i];
        json_t *shaper = shaper_of(w->sqm), *sqm = json_object_get(shaper, "sqm");
        if (w->value)
            json_object_set_new(sqm, w->key, parse(w->value));
        else
            json_object_del(sqm, w->key);
        struct mqoe_leaf_config leaf;
        struct mqoe_error e;
        read_shaper(shaper, &leaf, &e);
        assert_int_not_equal(e.errnum, 0);
        assert_string_equal(e.object, w->path);
        if (!strstr(e.hint, w->says))
            fail_msg("%s of %s: \"%s\" does not say \"%s\"", w->key, w->sqm, e.hint, w->says);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_cake),
        cmocka_unit_test(reads_every_word_of_cake),
        cmocka_unit_test(reads_codel_and_its_kin),
        cmocka_unit_test(reads_dualpi2),
        cmocka_unit_test(reads_fifos_and_none),
        cmocka_unit_test(every_aqm_learns_the_largest_frame),
        cmocka_unit_test(split_gso_may_be_said_either_way),
        cmocka_unit_test(names_what_is_wrong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
