// SPDX-License-Identifier: Apache-2.0
//
// Sends one Ethernet frame into an interface and says whether it came out of another: the probe of firewall rules. The
// frames are made here, field by field, so that a lie in any of them can be tried.
//
// usage: frame FROM TO pass|block|both KIND [KEY=VALUE...]
//   KIND: arp, udp, ns (neighbour solicitation), na (advertisement), raw
//   KEY:  src dst (MACs), vlan, tag (its EtherType), from to (addresses), sport dport, op (ARP), sender (MAC in ARP),
//         target (of ns and na), type (EtherType of raw), count, size (of the payload)
// Ends with status 0 when all frames passed (pass: waits up to five seconds) or none did (block: waits a tenth of one), 1
// when not; prints how many did. `both` only counts, and waits until nothing has come for a tenth of a second.

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static uint8_t frame[2048];
static size_t length;
static int arguments_count;
static char **arguments;

static void die(const char *what) {
  fprintf(stderr, "frame: ");
  perror(what);
  exit(2);
}

// The value of KEY=VALUE, or the default.
static const char *value(const char *key, const char *otherwise) {
  size_t size = strlen(key);
  for (int i = 0; i < arguments_count; i++)
    if (strncmp(arguments[i], key, size) == 0 && arguments[i][size] == '=') return arguments[i] + size + 1;
  return otherwise;
}

static unsigned number(const char *key, unsigned otherwise) {
  const char *text = value(key, NULL);
  return text ? strtoul(text, NULL, 0) : otherwise;
}

static void put(const void *bytes, size_t count) {
  if (length + count > sizeof frame) exit(2);
  memcpy(frame + length, bytes, count);
  length += count;
}

static void put8(unsigned x) { put(&(uint8_t){x}, 1); }
static void put16(unsigned x) { put(&(uint16_t){htons(x)}, 2); }

static void put_mac(const char *text) {
  unsigned b[6];
  if (sscanf(text, "%x:%x:%x:%x:%x:%x", b, b + 1, b + 2, b + 3, b + 4, b + 5) != 6) exit(2);
  for (int i = 0; i < 6; i++) put8(b[i]);
}

static void put_address(int family, const char *text) {
  uint8_t bytes[16];
  if (inet_pton(family, text, bytes) != 1) {
    fprintf(stderr, "frame: no address: %s\n", text);
    exit(2);
  }
  put(bytes, family == AF_INET ? 4 : 16);
}

// The Internet checksum over what has been put since `start`, on top of `sum`.
static unsigned checksum(size_t start, unsigned sum) {
  for (size_t i = start; i < length; i += 2) sum += frame[i] << 8 | (i + 1 < length ? frame[i + 1] : 0);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

static void set16(size_t at, unsigned x) { frame[at] = x >> 8, frame[at + 1] = x; }

// The header of an IP packet; the payload's checksum is for the caller.
static void put_ip(int family, unsigned protocol, size_t payload, unsigned hops) {
  size_t start = length;
  if (family == AF_INET) {
    put16(0x4500), put16(20 + payload), put16(1), put16(0), put8(hops), put8(protocol), put16(0);
  } else {
    put16(0x6000), put16(0), put16(payload), put8(protocol), put8(hops);
  }
  put_address(family, value("from", family == AF_INET ? "0.0.0.0" : "::"));
  put_address(family, value("to", family == AF_INET ? "255.255.255.255" : "ff02::1"));
  if (family == AF_INET) set16(start + 10, checksum(start, 0));
}

// Sets the checksum of an ICMPv6 message that starts at `start`, with IPv6's addresses just before it.
static void finish_icmp6(size_t start) {
  unsigned sum = checksum(start - 32, 58 + (unsigned)(length - start));
  set16(start + 2, sum);
}

static void make(const char *kind) {
  put_mac(value("dst", "ff:ff:ff:ff:ff:ff"));
  const char *source = value("src", "00:00:00:00:00:00");
  put_mac(source);
  if (value("vlan", NULL)) put16(number("tag", 0x8100)), put16(number("vlan", 1));
  if (strcmp(kind, "arp") == 0) {
    put16(0x0806), put16(1), put16(0x0800), put8(6), put8(4), put16(number("op", 1));
    put_mac(value("sender", source)), put_address(AF_INET, value("from", "0.0.0.0"));
    put_mac("00:00:00:00:00:00"), put_address(AF_INET, value("to", "0.0.0.0"));
  } else if (strcmp(kind, "udp") == 0) {
    int family = strchr(value("from", ""), ':') ? AF_INET6 : AF_INET;
    unsigned payload = number("size", 18);  // 18 fill the shortest frame: a bridge may cut padding off
    put16(family == AF_INET ? 0x0800 : 0x86dd);
    put_ip(family, 17, 8 + payload, 64);
    put16(number("sport", 1000)), put16(number("dport", 2000)), put16(8 + payload), put16(0);
    for (unsigned i = 0; i < payload; i++) put8(i);
  } else if (strcmp(kind, "ns") == 0 || strcmp(kind, "na") == 0) {
    put16(0x86dd), put_ip(AF_INET6, 58, 24, 255);
    size_t start = length;
    put8(kind[1] == 's' ? 135 : 136), put8(0), put16(0), put16(kind[1] == 's' ? 0 : 0x2000), put16(0);
    put_address(AF_INET6, value("target", "::"));
    finish_icmp6(start);
  } else if (strcmp(kind, "raw") == 0) {
    put16(number("type", 0x88b5));
  } else {
    fprintf(stderr, "frame: no such kind: %s\n", kind);
    exit(2);
  }
  while (length < 60) put8(0);
}

static int open_interface(const char *name) {
  int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
  address.sll_ifindex = if_nametoindex(name);
  if (s < 0 || address.sll_ifindex == 0) die(name);
  if (bind(s, (void *)&address, sizeof address) != 0) die(name);
  // A tag that the kernel takes out of a frame is told beside it; without asking, tagged frames look untagged.
  if (setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &(int){1}, sizeof(int)) != 0) die("PACKET_AUXDATA");
  struct packet_mreq everything = {.mr_ifindex = address.sll_ifindex, .mr_type = PACKET_MR_PROMISC};
  if (setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &everything, sizeof everything) != 0) die(name);
  return s;
}

// Whether the next message at the socket is our frame, coming in.
static int is_ours(int s) {
  uint8_t buffer[4096], control[256];
  struct sockaddr_ll from;
  struct iovec part = {buffer + 4, sizeof buffer - 4};
  struct msghdr message = {&from, sizeof from, &part, 1, control, sizeof control, 0};
  ssize_t count = recvmsg(s, &message, 0);
  if (count < 14 || from.sll_pkttype == PACKET_OUTGOING) return 0;
  uint8_t *start = buffer + 4;
  for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    struct tpacket_auxdata data;
    memcpy(&data, CMSG_DATA(c), sizeof data);
    if (!(data.tp_status & TP_STATUS_VLAN_VALID)) continue;
    memmove(start - 4, start, 12);
    start -= 4, count += 4;
    uint16_t tag = data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : 0x8100;
    start[12] = tag >> 8, start[13] = tag, start[14] = data.tp_vlan_tci >> 8, start[15] = data.tp_vlan_tci;
  }
  return (size_t)count >= length && memcmp(start, frame, length) == 0;
}

int main(int count, char **words) {
  if (count < 5) {
    fprintf(stderr, "usage: frame FROM TO pass|block|both KIND [KEY=VALUE...]\n");
    return 2;
  }
  arguments = words + 5, arguments_count = count - 5;
  make(words[4]);
  int out = open_interface(words[1]), in = open_interface(words[2]);
  unsigned sent = number("count", 1), seen = 0;
  int passes = strcmp(words[3], "pass") == 0, counts = strcmp(words[3], "both") == 0;
  for (unsigned i = 0; i < sent; i++) {
    if (send(out, frame, length, 0) != (ssize_t)length) die("send");
    // Take in what has come, lest the socket's buffer overflow.
    struct pollfd ready = {in, POLLIN, 0};
    while (poll(&ready, 1, 0) == 1) seen += is_ours(in);
  }
  struct pollfd ready = {in, POLLIN, 0};
  while (seen < sent && poll(&ready, 1, passes ? 5000 : 100) == 1) seen += is_ours(in);
  printf("%u of %u passed\n", seen, sent);
  return counts ? 0 : passes ? seen != sent : seen != 0;
}
