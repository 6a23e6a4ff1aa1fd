// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM does with a device: ioctls, translations, and the guest's memory as the device has
 * it.
 */
#include <err.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "player.h"

/* Bits of a number, spread to where the features are. */
static uint64_t some_features(uint32_t bits)
{
	static const unsigned char bit[] = {
		VIRTIO_RING_F_EVENT_IDX, VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_NET_F_MRG_RXBUF,
		VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER, VIRTIO_F_NOTIFY_ON_EMPTY,
		VIRTIO_F_RING_RESET, VHOST_F_LOG_ALL, VIRTIO_F_ACCESS_PLATFORM,
		VIRTIO_F_ANY_LAYOUT,
	};
	uint64_t some = bits & 0x10000 && bits & 0x20000 ? 0 : VHC_F_VERSION_1;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bit); i++)
		some |= (uint64_t)(bits >> i & 1) << bit[i];
	/* What needs more than a bit, less often. */
	if (bits & 0x300000)
		some &= ~(VHC_F_ACCESS_PLATFORM | VHC_F_ANY_LAYOUT);
	return some & played.around->offered;
}

void set_features(const struct op *op)
{
	uint64_t wanted = op->pick < PICK_ANY ? some_features(op->value) :
			  (uint64_t)op->value << (op->pick & 31);

	if (played.around->both) {
		/* README: "features that change while a queue runs" */
		if (played.queues[0].started || played.queues[1].started)
			return;
		/* Bits that one of them has are README's. */
		wanted &= played.around->offered;
	}
	if (!u64_request("SET_FEATURES", VHOST_SET_FEATURES, wanted))
		played.features = wanted;
}

void set_mem_table(const struct op *op)
{
	struct {
		struct vhost_memory head;
		struct vhost_memory_region region[4];
	} table = { { 1, 0 }, { { MEM_GPA, MEM_SIZE, MEM_ADDR, 0 } } };
	unsigned int i, parts = 1 + op->value % 4;

	/* Neighbours: buffers may lie in two of them. */
	if (op->pick & 1) {
		table.head.nregions = parts;
		for (i = 0; i < parts; i++)
			table.region[i] = (struct vhost_memory_region) {
				MEM_GPA + i * (MEM_SIZE / parts & ~0xfffUL),
				i + 1 == parts ? MEM_SIZE - i * (MEM_SIZE / parts & ~0xfffUL) :
						 MEM_SIZE / parts & ~0xfffUL,
				MEM_ADDR + i * (MEM_SIZE / parts & ~0xfffUL), 0 };
	}
	if (op->pick >= PICK_ANY)
		(&table.region[0].guest_phys_addr)[op->pick % 16] ^= op->value;
	if (played.around->both && (played.queues[0].started || played.queues[1].started))
		return;
	request("SET_MEM_TABLE", VHOST_SET_MEM_TABLE, &table, sizeof(table));
}

/*
 * Of a driver whose rings both devices have to see alike: nothing is left of what it offered at
 * another place, or in a ring of another size.
 */
static void begin_anew(unsigned int index)
{
	struct vhost_vring_state base = { .index = index };
	struct vring_avail *avail = guest(index * RING_BYTES + 0x1000);
	struct vring_used *used = guest(index * RING_BYTES + 0x2000);

	if (!played.around->both)
		return;
	/* Without an owner there is no base: it is 0. */
	if (ioctl(DEV_FD, VHOST_GET_VRING_BASE, &base))
		base.num = 0;
	played.queues[index].next = base.num;
	/* vhost_net remembers, too, up to where it has seen the ring. */
	ioctl(DEV_FD, VHOST_SET_VRING_BASE, &base);
	memset(guest(index * RING_BYTES), 0, RING_BYTES);
	if (played.features & VHC_F_RING_PACKED)
		return;
	avail->idx = base.num;
	used->idx = base.num;
}

void set_num(const struct op *op)
{
	static const unsigned int nums[] = { 256, 256, 64, 16, 4, 2, 1, 128 };
	/* README: "a frame that all buffers of a full ring cannot hold" */
	static const unsigned int large_nums[] = { 256, 256, 64, 16 };
	static const unsigned int packed_nums[] = { 256, 255, 100, 17, 5, 3, 2, 1 };
	unsigned int num = played.features & VHC_F_RING_PACKED ? PICK(op, packed_nums) :
			   played.around->both ? PICK(op, large_nums) : PICK(op, nums);
	unsigned int index = index_of(op);

	if (state_request("SET_VRING_NUM", VHOST_SET_VRING_NUM, index, num) || index >= 2 || !num)
		return;
	played.queues[index].num = num;
	begin_anew(index);
}

void set_addr(const struct op *op)
{
	static const uint64_t beside[] = { 0, 0, 0, 0, 16, 4, 2, 0x1000 };
	unsigned int index = index_of(op);
	unsigned long at = MEM_ADDR + (index & 1) * RING_BYTES;
	struct vhost_vring_addr addr = {
		.index = index,
		.flags = op->pick >> 3 & 1,
		.desc_user_addr = at,
		.avail_user_addr = at + 0x1000,
		.used_user_addr = at + 0x2000,
		.log_guest_addr = MEM_GPA + (index & 1) * RING_BYTES + 0x2000,
	};

	/* Rings that are elsewhere hold what the driver did not mean. */
	if (!played.around->both || op->pick >= PICK_ANY)
		(&addr.desc_user_addr)[op->value % 4] += PICK(op, beside);
	request("SET_VRING_ADDR", VHOST_SET_VRING_ADDR, &addr, sizeof(addr));
}

void set_base(const struct op *op)
{
	static const unsigned int bases[] = { 0, 0, 0, 1, 0xfffe, 0x7fff };
	static const unsigned int packed_bases[] = { 0x80008000, 0x80008000, 0, 0x80018001,
						     0x80008001 };
	unsigned int base = played.features & VHC_F_RING_PACKED ? PICK(op, packed_bases) :
							   PICK(op, bases);
	unsigned int index = index_of(op);

	if (state_request("SET_VRING_BASE", VHOST_SET_VRING_BASE, index, base) || index >= 2)
		return;
	played.queues[index].next = base;
	begin_anew(index);
}

void set_file(const struct op *op)
{
	static const struct {
		const char *name;
		unsigned int number;
		int fd;
	} files[] = {
		{ "SET_VRING_KICK", VHOST_SET_VRING_KICK, KICK_FD },
		{ "SET_VRING_CALL", VHOST_SET_VRING_CALL, CALL_FD },
		{ "SET_VRING_ERR", VHOST_SET_VRING_ERR, ERR_FD },
	};
	static const int others[] = { -1, -1, KICK_FD, CALL_FD, ERR_FD, LOG_FD, PIPE_FD, DEV_FD,
				      TAP_FD, NULL_FD, CLOSED_FD };
	unsigned int i = op->pick % ARRAY_SIZE(files);
	int fd = op->pick & 0x300 ? files[i].fd : others[op->value % ARRAY_SIZE(others)];

	state_request(files[i].name, files[i].number, index_of(op), fd);
}

void set_backend(unsigned int index, int fd)
{
	long ret = state_request("NET_SET_BACKEND", VHOST_NET_SET_BACKEND, index, fd);

	if (!ret && index < 2)
		played.queues[index].started = fd != -1;
}

void backend(const struct op *op)
{
	static const int fds[] = { TAP_FD, TAP_FD, TAP_FD, -1, MACVTAP_FD, PACKET_END_FD, TAP_FD,
				   TUN_FD, PACKET_FD, UDP_FD, UNIX_FD, KICK_FD, CLOSED_FD };
	static const int both[] = { TAP_FD, TAP_FD, -1, KICK_FD, CLOSED_FD, UDP_FD };

	set_backend(index_of(op), played.around->both ? both[op->pick % ARRAY_SIZE(both)] :
						 fds[op->pick % ARRAY_SIZE(fds)]);
}

static void map_for_device(uint64_t iova, uint64_t at, uint64_t size, unsigned int perm,
			   unsigned int type)
{
	struct vhost_msg_v2 msg = {
		.type = VHOST_IOTLB_MSG_V2,
		.iotlb = { .iova = iova, .size = size, .uaddr = at, .perm = perm, .type = type },
	};
	struct vhost_msg old = { .type = VHOST_IOTLB_MSG, .iotlb = msg.iotlb };
	ssize_t ret = write(DEV_FD, &msg, sizeof(msg));

	if (ret >= 0)
		ret = write(DEV_FD, &old, sizeof(old));
	noted("IOTLB message", ret < 0 ? -errno : ret);
}

/* All that a VMM does before it starts a device, in its order. */
void setup(const struct op *op)
{
	struct op part = *op;

	if (played.around->both && (played.queues[0].started || played.queues[1].started))
		return;
	played.has_owner |= !request("SET_OWNER", VHOST_SET_OWNER, NULL, 0);
	u64_request("SET_LOG_BASE", VHOST_SET_LOG_BASE, MEM_ADDR + LOG);
	part.pick = 0;
	set_mem_table(&part);
	set_features(&part);
	if (played.features & VHC_F_ACCESS_PLATFORM) {
		u64_request("SET_BACKEND_FEATURES", VHOST_SET_BACKEND_FEATURES,
			    1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2);
		map_for_device(MEM_ADDR, MEM_ADDR, MEM_SIZE, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE);
		map_for_device(MEM_GPA, MEM_ADDR, MEM_SIZE, VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE);
	}
	set_header(played.features & (VHC_F_VERSION_1 | VHC_F_MRG_RXBUF) ? HEADER : HEADER - 2);
	for (part.queue = 0; part.queue < 2; part.queue++) {
		part.pick = op->pick >> 8 & 7;
		set_num(&part);
		part.pick = op->pick >> 4 & 1;
		set_base(&part);
		part.pick = 0;
		set_addr(&part);
		state_request("SET_VRING_KICK", VHOST_SET_VRING_KICK, part.queue, KICK_FD);
		state_request("SET_VRING_CALL", VHOST_SET_VRING_CALL, part.queue, CALL_FD);
		state_request("SET_VRING_ERR", VHOST_SET_VRING_ERR, part.queue, ERR_FD);
	}
}

void become_owner(const struct op *op)
{
	played.has_owner |= !request("SET_OWNER", VHOST_SET_OWNER, NULL, 0);
	/* README: "a frame shorter than its header, or in unmapped memory" */
	if (played.around->both)
		set_mem_table(&(struct op){ .code = OP_MEM_TABLE });
}

void reset_owner(void)
{
	unsigned int i;

	if (request("RESET_OWNER", VHOST_RESET_OWNER, NULL, 0))
		return;
	played.has_owner = false;
	for (i = 0; i < ARRAY_SIZE(played.queues); i++) {
		played.queues[i].started = false;
		played.queues[i].num = 1;
		begin_anew(i);
	}
	played.features = 0;
}

/* ---- memory, and an IOMMU ---- */

/* The device's view alone: ours stays. */
void change_memory(const struct op *op)
{
	unsigned long page = (op->pick & 0x800 ? op->pick & 0xff : op->pick & 7) * 0x1000;
	void *at = (void *)(MEM_ADDR + page % MEM_SIZE);

	switch (op->value % 6) {
	case 0:
		madvise(at, 0x1000, MADV_DONTNEED);
		break;
	case 1:
		mprotect(at, 0x1000, PROT_NONE);
		break;
	case 2:
		mprotect(at, 0x1000, PROT_READ);
		break;
	case 3:
		munmap(at, 0x1000);
		break;
	default:
		mmap(at, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, MEM_FD, page);
	}
}

void map(const struct op *op)
{
	static const uint64_t sizes[] = { MEM_SIZE, 0x1000, 0x2000, 0x1800, 0x10000 };
	uint64_t page = (op->pick >> 4 & 0xff) * 0x1000 % MEM_SIZE;
	uint64_t base = op->pick & 1 ? MEM_ADDR : MEM_GPA;
	uint64_t size = PICK(op, sizes);

	if (size + page > MEM_SIZE && op->pick < PICK_ANY)
		size = MEM_SIZE - page;
	map_for_device(base + page, MEM_ADDR + page, size, op->value & 4 ? op->value & 3 : 3,
		       op->value & 0x30 ? VHOST_IOTLB_UPDATE : VHOST_IOTLB_INVALIDATE);
}

/* What the device asked for, as a VMM would. */
void answer(void)
{
	struct vhost_msg_v2 msg = { 0 };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		uint64_t base;

		if (read(DEV_FD, &msg, sizeof(msg)) != sizeof(msg))
			return;
		base = msg.iotlb.iova >= MEM_ADDR ? MEM_ADDR : MEM_GPA;
		if (msg.iotlb.iova - base < MEM_SIZE)
			map_for_device(msg.iotlb.iova & ~0xfffULL,
				       MEM_ADDR + ((msg.iotlb.iova - base) & ~0xfffULL), 0x1000,
				       VHOST_ACCESS_RW, VHOST_IOTLB_UPDATE);
	}
}

/* ---- the rest of the ioctls ---- */

void read_stats(const struct op *op)
{
	char data[4096];
	int fd = ioctl(DEV_FD, VHOST_CUSTOM_GET_STATS_FD, (unsigned long)index_of(op));

	if (fd < 0)
		return;
	if (pread(fd, data, sizeof(data), op->pick & 0x10 ? op->value & 0x7fff : 0) < 0 &&
	    errno != EINVAL && errno != EFAULT)
		err(1, "statistics");
	close(fd);
}

void worker(const struct op *op)
{
	static unsigned int made;
	struct vhost_vring_worker which = { index_of(op), made };

	switch (op->value % 4) {
	case 0:
		if (!request("NEW_WORKER", VHOST_NEW_WORKER, &which, sizeof(which)) && !racing)
			made = *(unsigned int *)ARG_ADDR;
		break;
	case 1:
		request("FREE_WORKER", VHOST_FREE_WORKER, &which.worker_id, sizeof(int));
		break;
	case 2:
		request("GET_VRING_WORKER", VHOST_GET_VRING_WORKER, &which, sizeof(which));
		break;
	default:
		if (op->pick >= PICK_ANY)
			which.worker_id = op->value >> 4;
		request("ATTACH_VRING_WORKER", VHOST_ATTACH_VRING_WORKER, &which, sizeof(which));
	}
}

/* Any number, with an argument that means nothing, or that of another one. */
void any_request(const struct op *op)
{
	static const unsigned int numbers[] = {
		VHOST_SET_LOG_BASE, VHOST_SET_LOG_FD, VHOST_SET_VRING_ENDIAN,
		VHOST_GET_VRING_ENDIAN, VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_SET_MEM_TABLE,
		VHOST_SET_VRING_ADDR, VHOST_CUSTOM_SET_MODERATION, VHOST_SET_BACKEND_FEATURES,
		VHOST_NEW_WORKER, VHOST_FREE_WORKER, VHOST_GET_FEATURES_ARRAY,
		VHOST_SET_VRING_NUM, VHOST_SET_VRING_BASE, VHOST_NET_SET_BACKEND,
	};
	uint32_t arg[24];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(arg); i++)
		arg[i] = op->pick & 1 << i % 12 ? op->value >> i : i % 3;
	request("any", op->pick < PICK_ANY ? numbers[op->pick % ARRAY_SIZE(numbers)] :
				op->value, arg, sizeof(arg));
}

void log_base(const struct op *op)
{
	static const uint64_t bases[] = { MEM_ADDR + LOG, MEM_ADDR + LOG, 0,
					  MEM_ADDR + MEM_SIZE - 1, 0xffff888000000000ULL };

	/* README: "`NET_SET_BACKEND` with fd -1" is about one that cannot be written. */
	u64_request("SET_LOG_BASE", VHOST_SET_LOG_BASE,
		    played.around->both ? MEM_ADDR + LOG : PICK(op, bases));
}

void array(const struct op *op)
{
	uint64_t words[4] = { 1 + op->value % 3, some_features(op->value >> 4),
			      op->pick & 0x30 ? 0 : 10 };

	if (op->pick & 1)
		request("GET_FEATURES_ARRAY", VHOST_GET_FEATURES_ARRAY, words, sizeof(words));
	else if (!request("SET_FEATURES_ARRAY", VHOST_SET_FEATURES_ARRAY, words, sizeof(words)))
		played.features = words[1];
}

void fork_from_owner(const struct op *op)
{
	uint8_t value = op->value & 1;

	if (op->pick & 1)
		request("SET_FORK_FROM_OWNER", VHOST_SET_FORK_FROM_OWNER, &value, 1);
	else
		request("GET_FORK_FROM_OWNER", VHOST_GET_FORK_FROM_OWNER, &value, 1);
}

void moderate(const struct op *op)
{
	static const unsigned int usecs[] = { 0, 50, 1000, 20000 };
	struct vhost_custom_moderation moderation = { index_of(op), op->value & 15,
						      PICK(op, usecs), 0 };

	request("SET_MODERATION", VHOST_CUSTOM_SET_MODERATION, &moderation, sizeof(moderation));
}
