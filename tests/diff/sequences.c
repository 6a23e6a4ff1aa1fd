// SPDX-License-Identifier: GPL-2.0
/*
 * The calls: each valid, and each with each argument wrong, one at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <linux/vhost.h>

#include "record.h"
#include "sequences.h"
#include "uapi/vhost_custom.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { NOTHING, READ = 2, WRITE = 1, BOTH = 3 };

static unsigned int number(unsigned int direction, unsigned int nr, unsigned int size)
{
	return direction << 30 | size << 16 | 0xaf << 8 | nr;
}

static const unsigned int index_values[] = { 0, 1, 2, 3, 0x10000, UINT_MAX };
static const int fd_values[] = {
	TAP_FD, TUN_FD, KICK_FD, NULL_FD, PIPE_FD, UNIX_FD, UDP_FD, NETLINK_FD, PACKET_FD,
	DEV_FD, CLOSED_FD, -2, INT_MIN, INT_MAX, -1,
};

static void call_u64(const char *name, unsigned int request, uint64_t value)
{
	call(name, request, &value, sizeof(value));
}

static void call_state(const char *what, unsigned int request, unsigned int index,
		       unsigned int num)
{
	struct vhost_vring_state state = { index, num };
	char name[NAME_SIZE];

	snprintf(name, sizeof(name), "%s %x: %x", what, index, num);
	call(name, request, &state, sizeof(state));
}

static void each_index(const char *what, unsigned int request, unsigned int num)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(index_values); i++)
		call_state(what, request, index_values[i], num);
	call_at(what, request, BAD_ADDR);
}

static void features(void)
{
	char name[NAME_SIZE];
	unsigned int bit;

	call("GET_FEATURES", VHOST_GET_FEATURES, NULL, 0);
	call_at("GET_FEATURES, bad pointer", VHOST_GET_FEATURES, BAD_ADDR);
	call_at("SET_FEATURES, bad pointer", VHOST_SET_FEATURES, BAD_ADDR);
	for (bit = 0; bit < 64; bit++) {
		snprintf(name, sizeof(name), "SET_FEATURES bit %u", bit);
		call_u64(name, VHOST_SET_FEATURES, 1ULL << bit);
		call_u64("SET_FEATURES none", VHOST_SET_FEATURES, 0);
	}
	call_u64("SET_FEATURES all", VHOST_SET_FEATURES, ~0ULL);
}

static void backend_features(void)
{
	char name[NAME_SIZE];
	unsigned int bit;

	call("GET_BACKEND_FEATURES", VHOST_GET_BACKEND_FEATURES, NULL, 0);
	call_at("GET_BACKEND_FEATURES, bad pointer", VHOST_GET_BACKEND_FEATURES, BAD_ADDR);
	call_at("SET_BACKEND_FEATURES, bad pointer", VHOST_SET_BACKEND_FEATURES, BAD_ADDR);
	for (bit = 0; bit < 64; bit++) {
		snprintf(name, sizeof(name), "SET_BACKEND_FEATURES bit %u", bit);
		call_u64(name, VHOST_SET_BACKEND_FEATURES, 1ULL << bit);
	}
	call_u64("SET_BACKEND_FEATURES none", VHOST_SET_BACKEND_FEATURES, 0);
}

/* A count above 512 is not set: vhost-net goes through all of them. */
static void features_array(void)
{
	static const uint64_t counts[] = { 0, 1, 2, 4, 512, 513, ~0ULL };
	uint64_t array[4] = { 1, 0, 0, 0 };
	unsigned int get = number(READ, 0x83, 8), set = number(WRITE, 0x83, 8);
	char name[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		snprintf(name, sizeof(name), "GET_FEATURES_ARRAY of %lld", (long long)counts[i]);
		call_u64(name, get, counts[i]);
	}
	call_at("GET_FEATURES_ARRAY, bad pointer", get, BAD_ADDR);
	call_at("SET_FEATURES_ARRAY, bad pointer", set, BAD_ADDR);
	call("SET_FEATURES_ARRAY bit 0", set, array, sizeof(array));
	array[1] = 1ULL << 32;
	call("SET_FEATURES_ARRAY bit 32", set, array, sizeof(array));
	array[0] = 3;
	array[3] = 1;
	call("SET_FEATURES_ARRAY bit 128", set, array, sizeof(array));
	array[0] = 0;
	call("SET_FEATURES_ARRAY of 0", set, array, sizeof(array));
}

static void owner_calls(void)
{
	call_at("SET_OWNER", VHOST_SET_OWNER, 0);
	call_at("SET_OWNER again", VHOST_SET_OWNER, BAD_ADDR);
	call_at("RESET_OWNER", VHOST_RESET_OWNER, 0);
	call_at("RESET_OWNER again", VHOST_RESET_OWNER, BAD_ADDR);
	call_at("SET_OWNER after reset", VHOST_SET_OWNER, 0);
}

static void fork_from_owner(void)
{
	unsigned int value;
	uint8_t byte;
	char name[NAME_SIZE];

	for (value = 0; value < 4; value++) {
		byte = value;
		snprintf(name, sizeof(name), "SET_FORK_FROM_OWNER %u", value);
		call(name, number(WRITE, 0x84, 1), &byte, 1);
		call("GET_FORK_FROM_OWNER", number(READ, 0x85, 1), NULL, 0);
	}
	call_at("SET_FORK_FROM_OWNER, bad pointer", number(WRITE, 0x84, 1), BAD_ADDR);
	call_at("GET_FORK_FROM_OWNER, bad pointer", number(READ, 0x85, 1), BAD_ADDR);
}

struct table {
	struct vhost_memory head;
	struct vhost_memory_region region[509];
};

static void call_table(const char *name, const struct table *table)
{
	call(name, VHOST_SET_MEM_TABLE, table, sizeof(*table));
}

static void mem_table(void)
{
	static const unsigned int counts[] = { 0, 2, 63, 64, 65, 509 };
	static struct table table;
	const struct vhost_memory_region whole = { MEM_GPA, MEM_SIZE, MEM_ADDR, 0 };
	char name[NAME_SIZE];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(table.region); i++)
		table.region[i] = (struct vhost_memory_region) {
			MEM_GPA + i * 0x800, 0x800, MEM_ADDR + i * 0x800, 0 };
	call_at("SET_MEM_TABLE, bad pointer", VHOST_SET_MEM_TABLE, BAD_ADDR);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		table.head.nregions = counts[i];
		snprintf(name, sizeof(name), "SET_MEM_TABLE of %u", counts[i]);
		call_table(name, &table);
	}
	table.head.nregions = 1;
	table.head.padding = 1;
	call_table("SET_MEM_TABLE, padding", &table);
	table.head.padding = 0;
	table.region[0] = whole;
	table.region[0].flags_padding = 1;
	call_table("SET_MEM_TABLE, padding of a region", &table);
	table.region[0] = whole;
	table.region[0].memory_size = 0;
	call_table("SET_MEM_TABLE, size 0", &table);
	table.region[0].guest_phys_addr = 0;
	call_table("SET_MEM_TABLE, size 0 at 0", &table);
	table.region[0] = whole;
	table.region[0].guest_phys_addr = ~0ULL - 0xfff;
	call_table("SET_MEM_TABLE, guest overflow", &table);
	table.region[0] = whole;
	table.region[0].userspace_addr = ~0ULL - 0xfff;
	call_table("SET_MEM_TABLE, user overflow", &table);
	table.region[0].userspace_addr = 0xffff888000000000ULL;
	call_table("SET_MEM_TABLE, kernel address", &table);
	table.region[0] = whole;
	table.region[0].guest_phys_addr++;
	table.region[0].userspace_addr += 3;
	call_table("SET_MEM_TABLE, unaligned", &table);
	table.head.nregions = 2;
	table.region[0] = whole;
	table.region[1] = whole;
	call_table("SET_MEM_TABLE, overlap", &table);
	table.head.nregions = 1;
	call_table("SET_MEM_TABLE", &table);
}

static void dirty_log(void)
{
	unsigned int i;
	char name[NAME_SIZE];

	call_at("SET_LOG_BASE, bad pointer", VHOST_SET_LOG_BASE, BAD_ADDR);
	call_u64("SET_LOG_BASE", VHOST_SET_LOG_BASE, MEM_ADDR + 0x80000);
	call_u64("LOG_ALL", VHOST_SET_FEATURES, 1ULL << 26);
	call_u64("SET_LOG_BASE, kernel, logging", VHOST_SET_LOG_BASE, 0xffff888000000000ULL);
	call_u64("LOG_ALL off", VHOST_SET_FEATURES, 0);
	call_u64("SET_LOG_BASE, kernel", VHOST_SET_LOG_BASE, 0xffff888000000000ULL);
	call_u64("LOG_ALL, kernel", VHOST_SET_FEATURES, 1ULL << 26);
	call_u64("SET_LOG_BASE, overflow", VHOST_SET_LOG_BASE, ~0ULL);
	call_u64("SET_LOG_BASE 0", VHOST_SET_LOG_BASE, 0);
	call_at("SET_LOG_FD, bad pointer", VHOST_SET_LOG_FD, BAD_ADDR);
	for (i = 0; i < ARRAY_SIZE(fd_values); i++) {
		snprintf(name, sizeof(name), "SET_LOG_FD %d", fd_values[i]);
		call(name, VHOST_SET_LOG_FD, &fd_values[i], sizeof(int));
	}
}

static void vring_num(void)
{
	static const unsigned int nums[] = { 0, 1, 2, 3, 255, 257, 0x8000, 0x8001, 0xffff,
					     0x10000, UINT_MAX, 256 };
	unsigned int i;

	each_index("SET_VRING_NUM", VHOST_SET_VRING_NUM, 256);
	for (i = 0; i < ARRAY_SIZE(nums); i++)
		call_state("SET_VRING_NUM", VHOST_SET_VRING_NUM, 0, nums[i]);
}

static void vring_base(void)
{
	static const unsigned int nums[] = { 0, 1, 0x7fff, 0x8000, 0xffff, 0x10000, UINT_MAX };
	unsigned int i;

	each_index("SET_VRING_BASE", VHOST_SET_VRING_BASE, 7);
	each_index("GET_VRING_BASE", VHOST_GET_VRING_BASE, 7);
	for (i = 0; i < ARRAY_SIZE(nums); i++)
		call_state("SET_VRING_BASE", VHOST_SET_VRING_BASE, 1, nums[i]);
}

static void vring_addr(void)
{
	static const uint64_t wrong[] = { 1, 2, 3, 4, 8, MEM_SIZE, MEM_SIZE - 64, 1ULL << 46,
					  1ULL << 63, ~MEM_ADDR };
	static const char *const field[] = { "desc", "used", "avail", "log" };
	struct vhost_vring_addr addr, good = {
		.desc_user_addr = MEM_ADDR,
		.avail_user_addr = MEM_ADDR + 0x1000,
		.used_user_addr = MEM_ADDR + 0x2000,
	};
	char name[NAME_SIZE];
	unsigned int i, j;

	call_at("SET_VRING_ADDR, bad pointer", VHOST_SET_VRING_ADDR, BAD_ADDR);
	for (i = 0; i < ARRAY_SIZE(index_values); i++) {
		addr = good;
		addr.index = index_values[i];
		snprintf(name, sizeof(name), "SET_VRING_ADDR %x", addr.index);
		call(name, VHOST_SET_VRING_ADDR, &addr, sizeof(addr));
	}
	for (i = 0; i < 32; i++) {
		addr = good;
		addr.flags = 1U << i;
		snprintf(name, sizeof(name), "SET_VRING_ADDR flag %u", i);
		call(name, VHOST_SET_VRING_ADDR, &addr, sizeof(addr));
	}
	for (i = 0; i < 4; i++)
		for (j = 0; j < ARRAY_SIZE(wrong); j++) {
			addr = good;
			(&addr.desc_user_addr)[i] += wrong[j];
			snprintf(name, sizeof(name), "SET_VRING_ADDR %s + %llx", field[i],
				 (unsigned long long)wrong[j]);
			call(name, VHOST_SET_VRING_ADDR, &addr, sizeof(addr));
		}
	call("SET_VRING_ADDR", VHOST_SET_VRING_ADDR, &good, sizeof(good));
}

static void each_file(const char *what, unsigned int request)
{
	unsigned int i;

	each_index(what, request, KICK_FD);
	for (i = 0; i < ARRAY_SIZE(fd_values); i++)
		call_state(what, request, 0, fd_values[i]);
}

static void vring_files(void)
{
	each_file("SET_VRING_KICK", VHOST_SET_VRING_KICK);
	each_file("SET_VRING_CALL", VHOST_SET_VRING_CALL);
	each_file("SET_VRING_ERR", VHOST_SET_VRING_ERR);
}

static void vring_others(void)
{
	each_index("SET_VRING_ENDIAN", VHOST_SET_VRING_ENDIAN, 0);
	each_index("SET_VRING_ENDIAN", VHOST_SET_VRING_ENDIAN, 2);
	each_index("GET_VRING_ENDIAN", VHOST_GET_VRING_ENDIAN, 0);
	each_index("SET_BUSYLOOP_TIMEOUT", VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 50);
	each_index("GET_BUSYLOOP_TIMEOUT", VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	each_index("SET_BUSYLOOP_TIMEOUT", VHOST_SET_VRING_BUSYLOOP_TIMEOUT, UINT_MAX);
	each_index("GET_BUSYLOOP_TIMEOUT", VHOST_GET_VRING_BUSYLOOP_TIMEOUT, 0);
	each_index("SET_BUSYLOOP_TIMEOUT", VHOST_SET_VRING_BUSYLOOP_TIMEOUT, 0);
}

static void backend(void)
{
	unsigned int i;

	each_index("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, TAP_FD);
	for (i = 0; i < ARRAY_SIZE(fd_values); i++) {
		call_state("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, 0, fd_values[i]);
		call_state("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, 1, fd_values[i]);
	}
	each_index("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, -1);
}

static void workers(void)
{
	each_index("worker: NEW", number(READ, 0x08, 4), 0);
	each_index("worker: GET", number(BOTH, 0x16, 8), 0);
	each_index("worker: ATTACH", number(WRITE, 0x15, 8), 77);
	each_index("worker: FREE", number(WRITE, 0x09, 4), 0);
}

/* All numbers, sized and directed as none of vhost-net's are, and as most of them are. */
static void numbers(void)
{
	unsigned int nr, direction;
	char name[NAME_SIZE];
	uint64_t zero = 0;

	for (nr = 0; nr < 256; nr++)
		for (direction = NOTHING; direction <= BOTH; direction++) {
			snprintf(name, sizeof(name), "number %02x direction %u", nr, direction);
			call(name, number(direction, nr, 12), &zero, sizeof(zero));
		}
	for (direction = NOTHING; direction <= BOTH; direction++) {
		call_at("number e0, bad pointer", number(direction, 0xe0, 8), BAD_ADDR);
		call_u64("number e0, bad index", number(direction, 0xe0, 8), 2);
		call_u64("another type", number(direction, 0xe0, 8) ^ 0x100, 0);
	}
	call_u64("GET_STATS_FD", VHOST_CUSTOM_GET_STATS_FD, 0);
}

static void try_read(const char *name, size_t size)
{
	ssize_t got = read(DEV_FD, arg_fill(NULL, 0), size);

	note(name, got < 0 ? -errno : got);
}

static void try_write(const char *name, const void *msg, size_t size)
{
	ssize_t put = write(DEV_FD, arg_fill(msg, size), size);

	note(name, put < 0 ? -errno : put);
}

static void messages(unsigned int type)
{
	const struct vhost_iotlb_msg good = {
		.iova = 0x1000, .size = 0x1000, .uaddr = MEM_ADDR, .perm = VHOST_ACCESS_RW,
		.type = VHOST_IOTLB_UPDATE };
	struct vhost_msg_v2 msg = { .type = type };
	char name[NAME_SIZE];
	unsigned int i;

#define TRY(text, change) do { \
		msg.iotlb = good; \
		change; \
		snprintf(name, sizeof(name), "write v%u %s", type, text); \
		try_write(name, &msg, sizeof(msg)); \
	} while (0)
	TRY("update", msg.asid = 0);
	TRY("size 0", msg.iotlb.size = 0);
	TRY("wrap", msg.iotlb.iova = ~0ULL - 0xff);
	TRY("user wrap", msg.iotlb.uaddr = ~0ULL - 0xff);
	TRY("kernel address", msg.iotlb.uaddr = 0xffff888000000000ULL);
	TRY("asid", msg.asid = 1);
	msg.asid = 0;
	for (i = 0; i < 8; i++) {
		TRY("access", msg.iotlb.perm = i);
		TRY("message", msg.iotlb.type = i);
	}
	TRY("invalidate", msg.iotlb.type = VHOST_IOTLB_INVALIDATE);
	for (i = 0; i < sizeof(msg) + 16; i += 4) {
		snprintf(name, sizeof(name), "write v%u of %u", type, i);
		try_write(name, &msg, i);
	}
#undef TRY
}

static void set_backends(int fd)
{
	call_state("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, 0, fd);
	call_state("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, 1, fd);
}

/* The IOTLB comes and goes while the queues are stopped. */
static void iotlb(void)
{
	unsigned int round, type, i;

	try_read("read, blocking", sizeof(struct vhost_msg));
	fcntl(DEV_FD, F_SETFL, O_RDWR | O_NONBLOCK);
	for (round = 0; round < 3; round++) {
		for (type = 0; type < 4; type++)
			messages(type);
		for (i = 0; i <= 80; i += 8)
			try_read("read", i);
		set_backends(-1);
		call_u64("ACCESS_PLATFORM", VHOST_SET_FEATURES, 1ULL << 33 | 1ULL << 32);
		set_backends(TAP_FD);
		call_u64("IOTLB_MSG_V2", VHOST_SET_BACKEND_FEATURES, round ? 2 : 0);
	}
	set_backends(-1);
	call_u64("no ACCESS_PLATFORM", VHOST_SET_FEATURES, 0);
}

const struct sequence sequences[] = {
	{ "features", features },
	{ "backend features", backend_features },
	{ "arrays of features", features_array },
	{ "owner", owner_calls },
	{ "fork from owner", fork_from_owner },
	{ "memory table", mem_table },
	{ "dirty log", dirty_log },
	{ "ring size", vring_num },
	{ "ring base", vring_base },
	{ "ring addresses", vring_addr },
	{ "ring files", vring_files },
	{ "endian and busy polling", vring_others },
	{ "backend", backend },
	{ "workers", workers },
	{ "unknown numbers", numbers },
	{ "iotlb", iotlb },
};

const unsigned int sequences_count = ARRAY_SIZE(sequences);
