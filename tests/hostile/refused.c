// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM, or who only has the device's file, asks for and must not get: each answer is compared
 * with the one that is documented, and a queue that runs meanwhile goes on.
 *
 * Caller: hostile-test.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <linux/if_ether.h>

#include "neighbour.h"
#include "sight.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { PAGE = 4096 };

static const uint64_t kernel_address = 0xffff888000000000ULL;

/* All that take a pointer. */
static const struct request {
	const char *name;
	unsigned long number;
	bool of_vring;		/* its argument begins with an index */
} requests[] = {
	{ "GET_FEATURES", VHOST_GET_FEATURES, .of_vring = false },
	{ "SET_FEATURES", VHOST_SET_FEATURES, .of_vring = false },
	{ "GET_FEATURES_ARRAY", VHOST_GET_FEATURES_ARRAY, .of_vring = false },
	{ "SET_FEATURES_ARRAY", VHOST_SET_FEATURES_ARRAY, .of_vring = false },
	{ "SET_MEM_TABLE", VHOST_SET_MEM_TABLE, .of_vring = false },
	{ "SET_LOG_BASE", VHOST_SET_LOG_BASE, .of_vring = false },
	{ "SET_LOG_FD", VHOST_SET_LOG_FD, .of_vring = false },
	{ "SET_VRING_NUM", VHOST_SET_VRING_NUM, .of_vring = true },
	{ "SET_VRING_ADDR", VHOST_SET_VRING_ADDR, .of_vring = true },
	{ "SET_VRING_BASE", VHOST_SET_VRING_BASE, .of_vring = true },
	{ "GET_VRING_BASE", VHOST_GET_VRING_BASE, .of_vring = true },
	{ "SET_VRING_KICK", VHOST_SET_VRING_KICK, .of_vring = true },
	{ "SET_VRING_CALL", VHOST_SET_VRING_CALL, .of_vring = true },
	{ "SET_VRING_ERR", VHOST_SET_VRING_ERR, .of_vring = true },
	{ "SET_VRING_BUSYLOOP_TIMEOUT", VHOST_SET_VRING_BUSYLOOP_TIMEOUT, .of_vring = true },
	{ "GET_VRING_BUSYLOOP_TIMEOUT", VHOST_GET_VRING_BUSYLOOP_TIMEOUT, .of_vring = true },
	{ "SET_BACKEND_FEATURES", VHOST_SET_BACKEND_FEATURES, .of_vring = false },
	{ "GET_BACKEND_FEATURES", VHOST_GET_BACKEND_FEATURES, .of_vring = false },
	{ "NET_SET_BACKEND", VHOST_NET_SET_BACKEND, .of_vring = true },
};

static const struct vhc_dev *device(const struct hostile *hostile)
{
	return &hostile->rig.port.dev;
}

/* Another one, that nothing was done to. */
static struct vhc_dev fresh(struct hostile *hostile)
{
	struct vhc_dev dev;

	vhc_open(&dev, hostile->rig.variant->device);
	return dev;
}

/* ---- pointers ---- */

static void with_pointer(struct hostile *hostile, void *pointer)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		sight_answer(hostile, requests[i].name,
			     __vhc_ioctl(device(hostile), requests[i].number, pointer), -EFAULT);
}

static void arguments_at_address_8(struct hostile *hostile)
{
	with_pointer(hostile, (void *)8);
}

static void arguments_in_kernel_memory(struct hostile *hostile)
{
	with_pointer(hostile, (void *)kernel_address);
}

static void arguments_at_the_end_of_addresses(struct hostile *hostile)
{
	with_pointer(hostile, (void *)-1L);
}

/* Two bytes of it can be read. */
static void arguments_of_which_a_part_is_there(struct hostile *hostile)
{
	char *pages = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	assert_ptr_not_equal(pages, MAP_FAILED);
	assert_int_equal(munmap(pages + PAGE, PAGE), 0);
	with_pointer(hostile, pages + PAGE - 2);
	munmap(pages, PAGE);
}

/* ---- who, and which queue ---- */

static void expect_strangers_refused(struct hostile *hostile, const struct vhc_dev *dev)
{
	struct vhost_vring_addr addr = { .index = 0 };
	struct vhost_memory table = { .nregions = 0 };
	unsigned int value;

	sight_answer(hostile, "RESET_OWNER", __vhc_reset_owner(dev), -EPERM);
	sight_answer(hostile, "SET_MEM_TABLE", __vhc_set_mem_table(dev, &table), -EPERM);
	sight_answer(hostile, "SET_LOG_BASE", __vhc_set_log_base(dev, 0), -EPERM);
	sight_answer(hostile, "SET_LOG_FD", __vhc_set_log_fd(dev, -1), -EPERM);
	sight_answer(hostile, "SET_VRING_NUM", __vhc_set_vring_num(dev, 0, 256), -EPERM);
	sight_answer(hostile, "SET_VRING_ADDR", __vhc_set_vring_addr(dev, &addr), -EPERM);
	sight_answer(hostile, "SET_VRING_BASE", __vhc_set_vring_base(dev, 0, 0), -EPERM);
	sight_answer(hostile, "GET_VRING_BASE", __vhc_get_vring_base(dev, 0, &value), -EPERM);
	sight_answer(hostile, "SET_VRING_KICK", __vhc_set_vring_kick(dev, 0, -1), -EPERM);
	sight_answer(hostile, "SET_VRING_CALL", __vhc_set_vring_call(dev, 0, -1), -EPERM);
	sight_answer(hostile, "SET_VRING_ERR", __vhc_set_vring_err(dev, 0, -1), -EPERM);
	sight_answer(hostile, "NET_SET_BACKEND", __vhc_net_set_backend(dev, 0, -1), -EPERM);
}

static void ioctls_before_there_is_an_owner(struct hostile *hostile)
{
	struct vhc_dev dev = fresh(hostile);

	expect_strangers_refused(hostile, &dev);
	vhc_close(&dev);
}

static void ioctls_after_the_owner_was_reset(struct hostile *hostile)
{
	struct vhc_dev dev = fresh(hostile);

	vhc_set_owner(&dev);
	vhc_reset_owner(&dev);
	expect_strangers_refused(hostile, &dev);
	vhc_close(&dev);
}

/* Of a device that runs: the file was passed on, or inherited. */
static void ioctls_of_another_process(struct hostile *hostile)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		expect_strangers_refused(hostile, device(hostile));
		sight_answer(hostile, "SET_OWNER", __vhc_set_owner(device(hostile)), -EBUSY);
		_exit(EXIT_SUCCESS);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void with_index(struct hostile *hostile, uint32_t index)
{
	union {
		uint32_t index;
		char bytes[64];
	} argument;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++) {
		if (!requests[i].of_vring)
			continue;
		memset(&argument, 0, sizeof(argument));
		argument.index = index;
		sight_answer(hostile, requests[i].name,
			     __vhc_ioctl(device(hostile), requests[i].number, &argument),
			     -ENOBUFS);
	}
}

static void ioctls_of_queue_2(struct hostile *hostile)
{
	with_index(hostile, 2);
}

static void ioctls_of_queue_4294967295(struct hostile *hostile)
{
	with_index(hostile, ~0U);
}

/* All numbers of the type that nobody has. */
static void ioctls_that_do_not_exist(struct hostile *hostile)
{
	static const unsigned char numbers[] = { 0x05, 0x1f, 0x27, 0x31, 0x50, 0x7f, 0xbf, 0xff };
	uint64_t argument[8] = { 0 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++)
		sight_answer(hostile, "an unknown ioctl",
			     __vhc_ioctl(device(hostile), _IOWR(VHOST_VIRTIO, numbers[i], uint64_t),
					 argument), -ENOTTY);
}

/* ---- rings ---- */

static struct vhost_vring_addr address(struct hostile *hostile)
{
	struct vhost_vring_addr addr;

	vhc_port_addr(&hostile->rig.port, hostile->attack->index, &addr);
	return addr;
}

static void try_address(struct hostile *hostile, const char *what, struct vhost_vring_addr addr,
			int want)
{
	sight_answer(hostile, what, __vhc_set_vring_addr(device(hostile), &addr), want);
}

static void ring_addresses_that_are_misaligned(struct hostile *hostile)
{
	struct vhost_vring_addr addr = address(hostile);

	addr.avail_user_addr++;
	try_address(hostile, "an odd available ring", addr, -EINVAL);
	addr = address(hostile);
	addr.used_user_addr += 2;
	try_address(hostile, "a used ring at 2", addr, -EINVAL);
	addr = address(hostile);
	addr.log_guest_addr = 2;
	try_address(hostile, "a log at 2", addr, -EINVAL);
	addr = address(hostile);
	addr.flags = 2;
	try_address(hostile, "a flag that is unknown", addr, -EOPNOTSUPP);
}

static void ring_addresses_in_kernel_memory(struct hostile *hostile)
{
	struct vhost_vring_addr addr = address(hostile);

	addr.desc_user_addr = kernel_address;
	try_address(hostile, "descriptors", addr, -EINVAL);
	addr = address(hostile);
	addr.avail_user_addr = kernel_address;
	try_address(hostile, "the available ring", addr, -EINVAL);
	addr = address(hostile);
	addr.used_user_addr = kernel_address;
	try_address(hostile, "the used ring", addr, -EINVAL);
}

static void ring_addresses_that_wrap(struct hostile *hostile)
{
	struct vhost_vring_addr addr = address(hostile);

	addr.desc_user_addr = -16ULL;
	try_address(hostile, "descriptors", addr, -EINVAL);
	addr = address(hostile);
	addr.avail_user_addr = -16ULL;
	try_address(hostile, "the available ring", addr, -EINVAL);
	addr = address(hostile);
	addr.used_user_addr = -16ULL;
	try_address(hostile, "the used ring", addr, -EINVAL);
}

/* The ring may be where nothing is, for whoever wants that; then back again. */
static void ring_addresses_where_nothing_is(struct hostile *hostile)
{
	struct vhost_vring_addr addr = address(hostile);

	addr.desc_user_addr = 0;
	addr.avail_user_addr = 0;
	addr.used_user_addr = 0;
	try_address(hostile, "rings at 0", addr, 0);
	vhc_queue_kick(hostile_queue(hostile));
	sight_wait(hostile, NULL);
	try_address(hostile, "rings in their place", address(hostile), 0);
}

/* Descriptors, available and used ring at the same place. */
static void rings_that_overlap(struct hostile *hostile)
{
	struct vhost_vring_addr addr = address(hostile);

	rig_add_tx(&hostile->rig, hostile->number++);
	addr.desc_user_addr = addr.used_user_addr;
	addr.avail_user_addr = addr.used_user_addr;
	try_address(hostile, "rings in each other", addr, 0);
	vhc_queue_kick(hostile_queue(hostile));
	sight_wait(hostile, NULL);
	try_address(hostile, "rings in their place", address(hostile), 0);
}

static void ring_sizes_that_are_none(struct hostile *hostile)
{
	static const unsigned int sizes[] = { 0, 3, 255, 65535, 65536, 1U << 31, ~0U };
	struct vhc_dev dev = fresh(hostile);
	unsigned int i;

	vhc_set_owner(&dev);
	for (i = 0; i < ARRAY_SIZE(sizes); i++)
		sight_answer(hostile, "SET_VRING_NUM", __vhc_set_vring_num(&dev, 0, sizes[i]),
			     -EINVAL);
	vhc_close(&dev);
	sight_answer(hostile, "of a queue that runs",
		     __vhc_set_vring_num(device(hostile), VHC_TX, 128), -EBUSY);
}

static void ring_bases_that_are_none(struct hostile *hostile)
{
	static const unsigned int bases[] = { 65536, 0x80000000, ~0U };
	struct vhc_dev dev = fresh(hostile);
	unsigned int i;

	vhc_set_owner(&dev);
	for (i = 0; i < ARRAY_SIZE(bases); i++)
		sight_answer(hostile, "SET_VRING_BASE", __vhc_set_vring_base(&dev, 0, bases[i]),
			     -EINVAL);
	vhc_close(&dev);
	sight_answer(hostile, "of a queue that runs",
		     __vhc_set_vring_base(device(hostile), VHC_TX, 0), -EBUSY);
}

/* ---- files ---- */

static int new_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	assert_true(fd >= 0);
	return fd;
}

enum { KINDS_MAX = 24 };

/* A file of each kind that is neither a tap nor an eventfd. */
static unsigned int files_of_all_kinds(struct hostile *hostile, int *fds)
{
	unsigned int n = 0;
	sigset_t none;
	int pipes[2];

	sigemptyset(&none);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	fds[n++] = pipes[0];
	fds[n++] = pipes[1];
	fds[n++] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fds[n++] = open("/dev/zero", O_RDWR | O_CLOEXEC);
	fds[n++] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fds[n++] = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	fds[n++] = open("/dev/null", O_PATH | O_CLOEXEC);
	fds[n++] = memfd_create("file", MFD_CLOEXEC);
	fds[n++] = epoll_create1(EPOLL_CLOEXEC);
	fds[n++] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	fds[n++] = signalfd(-1, &none, SFD_CLOEXEC);
	fds[n++] = syscall(SYS_pidfd_open, getpid(), 0);
	fds[n++] = dup(device(hostile)->fd);
	fds[n++] = fresh(hostile).fd;
	fds[n++] = new_socket(AF_INET, SOCK_STREAM, 0);
	fds[n++] = new_socket(AF_INET, SOCK_DGRAM, 0);
	fds[n++] = new_socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	fds[n++] = new_socket(AF_INET6, SOCK_DGRAM, 0);
	fds[n++] = new_socket(AF_UNIX, SOCK_STREAM, 0);
	fds[n++] = new_socket(AF_UNIX, SOCK_SEQPACKET, 0);
	fds[n++] = new_socket(AF_NETLINK, SOCK_RAW, 0);
	fds[n++] = new_socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
	return n;
}

static void close_all(const int *fds, unsigned int num)
{
	while (num--)
		close(fds[num]);
}

static void backends_of_all_kinds(struct hostile *hostile)
{
	static const int none[] = { -2, -1000, 12345, 0x7fffffff };
	int fds[KINDS_MAX], tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	int event = eventfd(0, EFD_CLOEXEC);
	unsigned int i, num = files_of_all_kinds(hostile, fds);
	char what[32];

	for (i = 0; i < num; i++) {
		snprintf(what, sizeof(what), "file %u as backend", i);
		sight_answer(hostile, what,
			     __vhc_net_set_backend(device(hostile), VHC_TX, fds[i]), -ENOTSOCK);
	}
	for (i = 0; i < ARRAY_SIZE(none); i++)
		sight_answer(hostile, "no file as backend",
			     __vhc_net_set_backend(device(hostile), VHC_TX, none[i]), -ENOTSOCK);
	sight_answer(hostile, "an eventfd as backend",
		     __vhc_net_set_backend(device(hostile), VHC_TX, event), -ENOTSOCK);
	sight_answer(hostile, "a tun file without interface",
		     __vhc_net_set_backend(device(hostile), VHC_TX, tun), -EINVAL);
	close(tun);
	close(event);
	close_all(fds, num);
}

static void eventfds_of_all_kinds(struct hostile *hostile)
{
	static int (*const set[])(const struct vhc_dev *dev, unsigned int index, int fd) = {
		__vhc_set_vring_kick, __vhc_set_vring_call, __vhc_set_vring_err,
	};
	static const char *const names[] = { "as kick", "as call", "as err" };
	static const int none[] = { -2, -1000, 12345, 0x7fffffff };
	int fds[KINDS_MAX];
	unsigned int i, j, num = files_of_all_kinds(hostile, fds);

	for (i = 0; i < ARRAY_SIZE(set); i++) {
		for (j = 0; j < num; j++)
			/* There is nothing behind a file of O_PATH, which is number 6. */
			sight_answer(hostile, names[i],
				     set[i](device(hostile), VHC_TX, fds[j]),
				     j == 6 ? -EBADF : -EINVAL);
		for (j = 0; j < ARRAY_SIZE(none); j++)
			sight_answer(hostile, names[i],
				     set[i](device(hostile), VHC_TX, none[j]), -EBADF);
	}
	close_all(fds, num);
}

static void log_files_of_all_kinds(struct hostile *hostile)
{
	int fds[KINDS_MAX];
	unsigned int i, num = files_of_all_kinds(hostile, fds);

	for (i = 0; i < num; i++)
		sight_answer(hostile, "as log",
			     __vhc_set_log_fd(device(hostile), fds[i]),
			     i == 6 ? -EBADF : -EINVAL);
	sight_answer(hostile, "no file as log", __vhc_set_log_fd(device(hostile), 12345), -EBADF);
	close_all(fds, num);
}

static void a_backend_before_memory_and_rings(struct hostile *hostile)
{
	struct vhc_dev dev = fresh(hostile);
	int fd = hostile->rig.port.tap.fd;

	vhc_set_owner(&dev);
	sight_answer(hostile, "without memory", __vhc_net_set_backend(&dev, 0, fd), -EFAULT);
	vhc_set_mem_table(&dev, vhc_mem_table(&hostile->rig.port.mem));
	sight_answer(hostile, "without rings", __vhc_net_set_backend(&dev, 0, fd), -EFAULT);
	vhc_set_vring_num(&dev, 0, 256);
	sight_answer(hostile, "without addresses", __vhc_net_set_backend(&dev, 0, fd), -EFAULT);
	vhc_close(&dev);
}

/* ---- the memory table ---- */

static struct vhost_memory *table_of(unsigned int regions)
{
	struct vhost_memory *table;

	table = calloc(1, sizeof(*table) + regions * sizeof(table->regions[0]));
	assert_non_null(table);
	table->nregions = regions;
	return table;
}

/* One region; the queue's memory stays what it is. */
static void try_region(struct hostile *hostile, const char *what, uint64_t gpa, uint64_t size,
		       uint64_t user, int want)
{
	struct vhost_memory *table = table_of(1);

	table->regions[0].guest_phys_addr = gpa;
	table->regions[0].memory_size = size;
	table->regions[0].userspace_addr = user;
	sight_answer(hostile, what, __vhc_set_mem_table(device(hostile), table), want);
	free(table);
}

static void a_memory_table_of_too_many_regions(struct hostile *hostile)
{
	const unsigned int most = vhc_max_mem_regions();
	struct vhost_memory *table = table_of(most + 1);

	sight_answer(hostile, "one too many", __vhc_set_mem_table(device(hostile), table), -E2BIG);
	table->nregions = ~0U;
	sight_answer(hostile, "4294967295", __vhc_set_mem_table(device(hostile), table), -E2BIG);
	table->nregions = 0;
	table->padding = 1;
	sight_answer(hostile, "padding", __vhc_set_mem_table(device(hostile), table),
		     -EOPNOTSUPP);
	free(table);
}

static void memory_regions_that_wrap(struct hostile *hostile)
{
	const uint64_t user = (uintptr_t)hostile->rig.port.mem.host[0];

	try_region(hostile, "of size 0", PAGE, 0, user, -EFAULT);
	try_region(hostile, "guest addresses that wrap", -4096ULL, 8192, user, -EFAULT);
	try_region(hostile, "of size 2^64 - 1", 2, ~0ULL, user, -EFAULT);
}

static void memory_regions_of_the_kernel(struct hostile *hostile)
{
	try_region(hostile, "all of it", VHC_MEM_BASE, PAGE, kernel_address, -EFAULT);
	try_region(hostile, "the end of it", VHC_MEM_BASE, 1ULL << 62,
		   (uintptr_t)hostile->rig.port.mem.host[0], -EFAULT);
	try_region(hostile, "host addresses that wrap", VHC_MEM_BASE, 8192, -4096ULL, -EFAULT);
}

/* ---- features ---- */

static void features_that_are_unknown(struct hostile *hostile)
{
	const uint64_t offered = vhc_get_features(device(hostile));
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(offered & 1ULL << bit))
			sight_answer(hostile, "SET_FEATURES",
				     __vhc_set_features(device(hostile), 1ULL << bit),
				     -EOPNOTSUPP);
}

/* W4: what the rings and headers are is changed under a worker's feet. */
static void features_that_change_while_it_runs(struct hostile *hostile)
{
	const uint64_t features = hostile->rig.port.features;
	static const uint64_t bits[] = {
		VHC_F_EVENT_IDX, VHC_F_INDIRECT, VHC_F_MRG_RXBUF, VHC_F_VERSION_1,
		VHC_F_ANY_LAYOUT, VHC_F_ACCESS_PLATFORM,
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bits); i++) {
		sight_answer(hostile, "SET_FEATURES while it runs",
			     __vhc_set_features(device(hostile), features ^ bits[i]), -EBUSY);
		rig_add_tx(&hostile->rig, hostile->number++);
		vhc_queue_publish(hostile_queue(hostile));
		vhc_queue_kick(hostile_queue(hostile));
		sight_wait(hostile, NULL);
	}
}

static void usual_features(struct hostile *hostile)
{
	__vhc_set_features(device(hostile), hostile->rig.port.features);
}

/* W3: who reads as many words as it is told is busy for long. */
static void arrays_of_features_without_end(struct hostile *hostile)
{
	const size_t size = 32 << 20;
	uint64_t *words = mmap(NULL, size, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	static const uint64_t counts[] = { 1 << 20, 1ULL << 61, ~0ULL };
	unsigned int i;
	int ret;

	assert_ptr_not_equal(words, MAP_FAILED);
	for (i = 0; i < ARRAY_SIZE(counts); i++) {
		words[0] = counts[i];
		ret = __vhc_ioctl(device(hostile), VHOST_SET_FEATURES_ARRAY, words);
		/* Before 7.2, vhost_net has none. */
		if (ret != -ENOTTY && ret != -ENOBUFS)
			sight_answer(hostile, "SET_FEATURES_ARRAY", ret, -E2BIG);
	}
	munmap(words, size);
}

/* ---- the log ---- */

static void logging_without_a_log(struct hostile *hostile)
{
	const uint64_t features = hostile->rig.port.features | VHC_F_LOG_ALL;

	sight_answer(hostile, "a log in kernel memory",
		     __vhc_set_log_base(device(hostile), kernel_address), 0);
	sight_answer(hostile, "SET_FEATURES with LOG_ALL",
		     __vhc_set_features(device(hostile), features), -EFAULT);
}

/* It is as large as address space goes, but nothing is there. */
static void a_log_where_nothing_is(struct hostile *hostile)
{
	const uint64_t features = hostile->rig.port.features | VHC_F_LOG_ALL;

	sight_answer(hostile, "a log at 4096", __vhc_set_log_base(device(hostile), PAGE), 0);
	sight_answer(hostile, "LOG_ALL", __vhc_set_features(device(hostile), features), 0);
	if (!sight_works(hostile, VHC_RX))
		sight_says(hostile, "RX is dead while it is logged");
	if (!sight_works(hostile, VHC_TX))
		sight_says(hostile, "TX is dead while it is logged");
}

/* ---- read and write ---- */

static void try_write(struct hostile *hostile, const void *data, size_t len, int want)
{
	const ssize_t ret = write(device(hostile)->fd, data, len);

	sight_answer(hostile, "write", ret < 0 ? -errno : ret, want);
}

static void messages_without_an_iotlb(struct hostile *hostile)
{
	struct vhost_msg message = { .type = 0x77 };
	char bytes[sizeof(message)];

	try_write(hostile, &message, sizeof(message), -EINVAL);
	message.type = VHOST_IOTLB_MSG;
	try_write(hostile, &message, 0, -EINVAL);
	try_write(hostile, &message, 4, -EINVAL);
	message.iotlb.type = VHOST_IOTLB_INVALIDATE;
	try_write(hostile, &message, sizeof(message), -EFAULT);
	message.iotlb.type = 200;
	try_write(hostile, &message, sizeof(message), -EFAULT);
	try_write(hostile, (void *)kernel_address, sizeof(message), -EFAULT);
	if (read(device(hostile)->fd, bytes, sizeof(bytes) - 1))
		sight_says(hostile, "a short read gives something");
}

/* ---- the rest ---- */

/* The longest poll there is; it gives way to whoever else has work. */
static void polls_without_end(struct hostile *hostile)
{
	const unsigned int other = hostile->attack->index == VHC_TX ? VHC_RX : VHC_TX;
	unsigned int index;

	for (index = 0; index < VHC_QUEUES; index++) {
		vhc_set_vring_busyloop_timeout(device(hostile), index, ~0U);
		vhc_queue_kick(&hostile->rig.port.queue[index]);
	}
	if (!neighbour_works(hostile->rig.variant->custom))
		sight_says(hostile, "another device is dead");
	for (index = 0; index < VHC_QUEUES; index++)
		vhc_set_vring_busyloop_timeout(device(hostile), index, 0);
	/* What began before goes on: a stop ends it, as it would in QEMU. */
	rig_reset_queue(&hostile->rig, hostile->attack->index);
	rig_reset_queue(&hostile->rig, other);
}

static void an_unload_while_it_is_open(struct hostile *hostile)
{
	const char *module = hostile->rig.variant->custom ? "vhost_custom" : "vhost_net";

	sight_answer(hostile, "delete_module",
		     syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0, -EAGAIN);
}

static void a_call_that_is_its_own_kick(struct hostile *hostile)
{
	struct vhc_queue *queue = hostile_queue(hostile);
	unsigned int i;

	vhc_set_vring_call(device(hostile), VHC_TX, queue->kick);
	for (i = 0; i < 10; i++) {
		vhc_driver_enable_call(&queue->driver);
		rig_add_tx(&hostile->rig, hostile->number++);
		vhc_driver_publish(&queue->driver);
		vhc_queue_kick(queue);
		sight_wait(hostile, NULL);
	}
	vhc_set_vring_call(device(hostile), VHC_TX, queue->call);
}

static void an_eventfd_that_is_full(struct hostile *hostile)
{
	struct vhc_queue *queue = hostile_queue(hostile);
	unsigned int i;

	vhc_eventfd_read(queue->call);
	assert_int_equal(eventfd_write(queue->call, ~0ULL - 1), 0);
	assert_int_equal(eventfd_write(queue->err, ~0ULL - 1), 0);
	for (i = 0; i < 10; i++) {
		vhc_driver_enable_call(&queue->driver);
		rig_add_tx(&hostile->rig, hostile->number++);
		hostile_add_desc(hostile, 0, 100, 0, 0);
		vhc_driver_publish(&queue->driver);
		vhc_queue_kick(queue);
	}
	sight_wait(hostile, NULL);
	vhc_eventfd_read(queue->call);
	vhc_eventfd_read(queue->err);
}

static void no_eventfds_at_all(struct hostile *hostile)
{
	struct vhc_queue *queue = hostile_queue(hostile);

	vhc_set_vring_call(device(hostile), VHC_TX, -1);
	vhc_set_vring_err(device(hostile), VHC_TX, -1);
	hostile_add_desc(hostile, 0, 100, 0, 0);
	rig_add_tx(&hostile->rig, hostile->number++);
	vhc_queue_publish(queue);
	sight_wait(hostile, NULL);
	vhc_set_vring_kick(device(hostile), VHC_TX, -1);
	vhc_queue_kick(queue);
	sight_wait(hostile, NULL);
	vhc_set_vring_kick(device(hostile), VHC_TX, queue->kick);
	vhc_set_vring_call(device(hostile), VHC_TX, queue->call);
	vhc_set_vring_err(device(hostile), VHC_TX, queue->err);
}

#define ASKS(apply_, ...) \
	ATTACK(VMM, VHC_TX, IGNORED, apply_, .rings = SPLIT, ##__VA_ARGS__)
#define DOES(apply_, ...) ATTACK(VMM, VHC_TX, SURVIVED, apply_, ##__VA_ARGS__)

static const struct attack list[] = {
	ASKS(arguments_at_address_8),
	ASKS(arguments_in_kernel_memory),
	ASKS(arguments_at_the_end_of_addresses),
	ASKS(arguments_of_which_a_part_is_there),
	ASKS(ioctls_before_there_is_an_owner),
	ASKS(ioctls_after_the_owner_was_reset),
	ASKS(ioctls_of_another_process),
	ASKS(ioctls_of_queue_2),
	ASKS(ioctls_of_queue_4294967295),
	ASKS(ioctls_that_do_not_exist),
	ASKS(ring_addresses_that_are_misaligned),
	ASKS(ring_addresses_in_kernel_memory),
	ASKS(ring_addresses_that_wrap),
	DOES(ring_addresses_where_nothing_is, .kick = true),
	ATTACK(VMM, VHC_TX, RUINED, rings_that_overlap),
	ASKS(ring_sizes_that_are_none),
	ASKS(ring_bases_that_are_none),
	ASKS(backends_of_all_kinds),
	ASKS(eventfds_of_all_kinds),
	ASKS(log_files_of_all_kinds),
	ASKS(a_backend_before_memory_and_rings),
	ASKS(a_memory_table_of_too_many_regions),
	ASKS(memory_regions_that_wrap),
	ASKS(memory_regions_of_the_kernel),
	ASKS(features_that_are_unknown),
	/* README: "features that change while a queue runs" */
	ATTACK(VMM, VHC_TX, SURVIVED, features_that_change_while_it_runs, .rings = SPLIT,
	       .repair = usual_features),
	ASKS(arrays_of_features_without_end),
	ASKS(logging_without_a_log),
	DOES(a_log_where_nothing_is, .repair = usual_features),
	ASKS(messages_without_an_iotlb),
	DOES(polls_without_end),
	ASKS(an_unload_while_it_is_open),
	DOES(a_call_that_is_its_own_kick),
	DOES(an_eventfd_that_is_full),
	DOES(no_eventfds_at_all),
};

const struct attacks refused_attacks = { list, ARRAY_SIZE(list) };
