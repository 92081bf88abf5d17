#include "packet/parse.h"

#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_QINQ = 0x88a8,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_MPLS_MULTICAST = 0x8848,
    ETHERTYPE_FIRST = 0x0600, // below it is an IEEE 802.3 length
};

enum {
    PROTO_HOP_BY_HOP = 0,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_DCCP = 33,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AH = 51,
    PROTO_ICMPV6 = 58,
    PROTO_DESTINATION = 60,
    PROTO_SCTP = 132,
    PROTO_MOBILITY = 135,
    PROTO_UDPLITE = 136,
    PROTO_HIP = 139,
    PROTO_SHIM6 = 140,
};

// More tags, labels or extension headers than any honest frame has are not followed: parsing stays bounded.
enum { MAX_VLAN_TAGS = 2, MAX_MPLS_LABELS = 16, MAX_EXTENSION_HEADERS = 8 };

static uint16_t read16(const uint8_t *p) {
    return (uint16_t)(p[0] << 8 | p[1]);
}

// Skips VLAN tags and MPLS labels; returns the offset of what follows and sets its EtherType (0: unknown).
static uint32_t skip_layer2(const uint8_t *data, uint32_t len, uint16_t *ethertype) {
    uint32_t at = 14;
    uint16_t type = read16(data + 12);
    for (int tags = 0; tags < MAX_VLAN_TAGS && (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ); tags++) {
        if (len - at < 4)
            break;
        type = read16(data + at + 2);
        at += 4;
    }
    if (type != ETHERTYPE_MPLS && type != ETHERTYPE_MPLS_MULTICAST) {
        *ethertype = type >= ETHERTYPE_FIRST ? type : 0;
        return at;
    }
    bool bottom = false;
    for (int labels = 0; labels < MAX_MPLS_LABELS && !bottom && len - at >= 4; labels++, at += 4)
        bottom = data[at + 2] & 1;
    // A label stack does not say what it carries; the first nibble does (RFC 4928 §2).
    unsigned version = bottom && at < len ? data[at] >> 4 : 0;
    *ethertype = version == 4 ? ETHERTYPE_IPV4 : version == 6 ? ETHERTYPE_IPV6 : 0;
    return at;
}

// Where the upper-layer header may be: `l4` … `end`, which never exceeds the frame.
struct span {
    const uint8_t *at, *end;
};

static uint32_t left(const struct span *s) {
    return (uint32_t)(s->end - s->at);
}

static bool parse_ipv4(struct mqoe_packet *p, const uint8_t *ip, uint32_t len, struct span *l4) {
    if (len < 20 || ip[0] >> 4 != 4)
        return false;
    uint32_t header = (ip[0] & 15) * 4u, total = read16(ip + 2);
    if (header < 20 || header > len)
        return false;
    p->family = 4;
    p->dscp = ip[1] >> 2;
    p->ecn = ip[1] & 3;
    p->proto = ip[9];
    memcpy(p->src.bytes, ip + 12, 4);
    memcpy(p->dst.bytes, ip + 16, 4);
    p->fragment = (read16(ip + 6) & 0x3fff) != 0; // MF or an offset
    // Ethernet pads short frames: bytes beyond the total length are not the packet's.
    if (total < header || total > len)
        total = len;
    *l4 = (struct span){ip + header, ip + total};
    return true;
}

// Length of the extension header at `s`, or 0 when `proto` is none or it is truncated.
static uint32_t extension_length(uint8_t proto, const struct span *s) {
    uint32_t length;
    if (left(s) < 8)
        return 0;
    switch (proto) {
    case PROTO_HOP_BY_HOP:
    case PROTO_ROUTING:
    case PROTO_DESTINATION:
    case PROTO_MOBILITY:
    case PROTO_HIP:
    case PROTO_SHIM6:
        length = 8u + 8u * s->at[1];
        break;
    case PROTO_FRAGMENT:
        length = 8;
        break;
    case PROTO_AH: // RFC 4302: in 4-byte units, minus 2
        length = 8u + 4u * s->at[1];
        break;
    default:
        return 0;
    }
    return length <= left(s) ? length : 0;
}

// Follows the extension headers. All fragments of a datagram stop at the fragment header, so that the later
// ones, which carry nothing else, look like the first.
static void skip_extensions(struct mqoe_packet *p, struct span *s) {
    for (int i = 0; i < MAX_EXTENSION_HEADERS && !p->fragment; i++) {
        uint32_t length = extension_length(p->proto, s);
        if (!length)
            return;
        // An "atomic" fragment (RFC 6946), offset 0 and nothing more to come, is a whole datagram.
        if (p->proto == PROTO_FRAGMENT)
            p->fragment = (read16(s->at + 2) & 0xfff9) != 0;
        p->proto = s->at[0];
        s->at += length;
    }
}

static bool parse_ipv6(struct mqoe_packet *p, const uint8_t *ip, uint32_t len, struct span *l4) {
    if (len < 40 || ip[0] >> 4 != 6)
        return false;
    uint32_t total = 40u + read16(ip + 4);
    uint8_t traffic_class = (uint8_t)(ip[0] << 4 | ip[1] >> 4);
    p->family = 6;
    p->dscp = traffic_class >> 2;
    p->ecn = traffic_class & 3;
    p->proto = ip[6];
    memcpy(p->src.bytes, ip + 8, 16);
    memcpy(p->dst.bytes, ip + 24, 16);
    if (total == 40 || total > len) // 0 announces a jumbogram (RFC 2675)
        total = len;
    *l4 = (struct span){ip + 40, ip + total};
    skip_extensions(p, l4);
    return true;
}

// Echo and timestamp messages carry an identifier at the place that tells conversations apart.
static bool icmp_has_identifier(uint8_t proto, uint8_t type) {
    if (proto == PROTO_ICMPV6)
        return type == 128 || type == 129;
    return type == 0 || type == 8 || type == 13 || type == 14;
}

static void parse_ports(struct mqoe_packet *p, const struct span *l4) {
    switch (p->proto) {
    case PROTO_TCP:
    case PROTO_UDP:
    case PROTO_DCCP:
    case PROTO_SCTP:
    case PROTO_UDPLITE:
        if (left(l4) >= 4) {
            p->src_port = read16(l4->at);
            p->dst_port = read16(l4->at + 2);
        }
        break;
    case PROTO_ICMP:
    case PROTO_ICMPV6:
        if (left(l4) >= 6 && icmp_has_identifier(p->proto, l4->at[0]))
            p->src_port = p->dst_port = read16(l4->at + 4);
        break;
    default:
        break;
    }
}

void mqoe_parse(struct mqoe_packet *packet, const uint8_t *data, uint32_t len) {
    memset(packet, 0, sizeof *packet);
    packet->network_len = len;
    if (len < 14)
        return;
    uint32_t at = skip_layer2(data, len, &packet->ethertype);
    packet->l3_offset = (uint16_t)at;
    packet->network_len = len - at;
    struct span l4;
    bool ip = packet->ethertype == ETHERTYPE_IPV4   ? parse_ipv4(packet, data + at, len - at, &l4)
              : packet->ethertype == ETHERTYPE_IPV6 ? parse_ipv6(packet, data + at, len - at, &l4)
                                                    : false;
    if (ip && !packet->fragment)
        parse_ports(packet, &l4);
}
