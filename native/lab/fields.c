// Reading an operation's fields, and saying what is allowed when they are not what they should be.
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lab/internal.h"

int lab_field_error(struct lab *lab, const char *field, const char *allowed) {
    char hint[sizeof lab->error.hint];
    snprintf(hint, sizeof hint, "must be %s", allowed);
    return mqoe_fail(&lab->error, EINVAL, "lab", hint, "%s: field \"%s\"", lab->op, field);
}

int lab_string(struct lab *lab, json_t *op, const char *field, const char **value) {
    *value = json_string_value(json_object_get(op, field));
    return *value && **value ? 0 : lab_field_error(lab, field, "a string that is not empty");
}

int lab_path(struct lab *lab, json_t *op, const char *field, const char **value) {
    static const char prefix[] = "/run/netns/";
    int status = lab_string(lab, op, field, value);
    if (status < 0)
        return status;
    const char *name = *value + sizeof prefix - 1;
    bool good = !strncmp(*value, prefix, sizeof prefix - 1) && *name && !strchr(name, '/') &&
                strcmp(name, ".") && strcmp(name, "..") && strlen(*value) < LAB_PATH;
    return good ? 0 : lab_field_error(lab, field, "/run/netns/NAME, at most 127 bytes");
}

int lab_ifname(struct lab *lab, json_t *op, const char *field, const char **value) {
    int status = lab_string(lab, op, field, value);
    if (status < 0)
        return status;
    if (strlen(*value) >= IFNAMSIZ || strpbrk(*value, "/: \t\n"))
        return lab_field_error(lab, field, "an interface name: 1 to 15 bytes without slash, colon or space");
    return 0;
}

int lab_number(struct lab *lab, json_t *op, const char *field, int64_t min, int64_t max, int64_t *value) {
    json_t *found = json_object_get(op, field);
    *value = json_integer_value(found);
    if (json_is_integer(found) && *value >= min && *value <= max)
        return 0;
    char allowed[64];
    snprintf(allowed, sizeof allowed, "an integer from %lld to %lld", (long long)min, (long long)max);
    return lab_field_error(lab, field, allowed);
}

int lab_mac(struct lab *lab, json_t *op, const char *field, uint8_t mac[ETH_ALEN]) {
    const char *text = json_string_value(json_object_get(op, field));
    unsigned b[ETH_ALEN];
    int end = 0;
    if (!text ||
        sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", b, b + 1, b + 2, b + 3, b + 4, b + 5, &end) != ETH_ALEN ||
        text[end] || (b[0] & 1))
        return lab_field_error(lab, field, "a unicast MAC address such as \"02:00:00:00:00:01\"");
    for (int i = 0; i < ETH_ALEN; i++)
        mac[i] = (uint8_t)b[i];
    return 0;
}

int lab_side(struct lab *lab, json_t *op, enum lab_side *side) {
    const char *text = json_string_value(json_object_get(op, "side"));
    bool access = text && !strcmp(text, "access"), core = text && !strcmp(text, "core");
    *side = core ? LAB_CORE : LAB_ACCESS;
    return access || core ? 0 : lab_field_error(lab, "side", "\"access\" or \"core\"");
}

int lab_strings(struct lab *lab, json_t *op, const char *field, json_t **value) {
    *value = json_object_get(op, field);
    if (!*value)
        return 0;
    bool good = json_is_array(*value);
    size_t i;
    json_t *item;
    json_array_foreach(*value, i, item) good = good && json_is_string(item);
    return good ? 0 : lab_field_error(lab, field, "an array of strings");
}

bool lab_parse_address(const char *text, int family, uint8_t *bytes) {
    return inet_pton(family, text, bytes) == 1;
}

// Bits below the prefix's length would make an entry that matches nothing it says.
static bool host_bits_clear(const uint8_t *bytes, unsigned length, unsigned bits) {
    for (unsigned i = length; i < bits; i++)
        if (bytes[i / 8] & (0x80 >> i % 8))
            return false;
    return true;
}

bool lab_parse_prefix(const char *text, int family, uint8_t *bytes, uint8_t *length) {
    char address[INET6_ADDRSTRLEN];
    unsigned bits = family == AF_INET ? 32 : 128;
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    if (n >= sizeof address)
        return false;
    memcpy(address, text, n);
    address[n] = 0;
    *length = (uint8_t)bits;
    if (slash) {
        char *end;
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end || given > bits)
            return false;
        *length = (uint8_t)given;
    }
    return lab_parse_address(address, family, bytes) && host_bits_clear(bytes, *length, bits);
}
