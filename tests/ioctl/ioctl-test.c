// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the ioctls: what is refused, with which error, and in which order things are
 * checked. What holds for /dev/vhost-net must hold for /dev/vhost-custom.
 *
 * No frame moves here; that is data/data-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <linux/if_ether.h>

#include "parts.h"
#include "port.h"
#include "stats.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { BAD_FD = 12345 };

static void *const bad_pointer = (void *)8;

static struct vhc_dev opened(const struct variant *variant)
{
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	return dev;
}

static struct vhc_dev owned(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);

	vhc_set_owner(&dev);
	return dev;
}

/* All is set up but the backends. */
static void set_up(struct vhc_port *port, const struct variant *variant)
{
	const struct vhc_port_config config = {
		.device = variant->device,
		.features = VHC_F_VERSION_1 | variant->features,
		.ring_size = 256,
		.mem_size = 4 << 20,
	};

	vhc_port_open(port, &config);
}

static int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

/* ---- features ---- */

static void features_of_the_vhost_core_are_offered(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t want = VHC_F_NOTIFY_ON_EMPTY | VHC_F_LOG_ALL | VHC_F_ANY_LAYOUT |
			VHC_F_INDIRECT | VHC_F_EVENT_IDX | VHC_F_VERSION_1 | VHC_F_MRG_RXBUF |
			VHC_F_ACCESS_PLATFORM;

	if (variant->custom)	/* README: "`RING_RESET`" */
		want |= VHC_F_RING_RESET;
	assert_int_equal(vhc_get_features(&dev) & want, want);
}

static void each_offered_feature_is_accepted_without_owner(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_features(&dev);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (offered & 1ULL << bit)
			assert_result(__vhc_set_features(&dev, 1ULL << bit), 0);
	assert_result(__vhc_set_features(&dev, offered), 0);
	assert_result(__vhc_set_features(&dev, 0), 0);
}

static void each_other_feature_is_not_supported(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_features(&dev);
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (!(offered & 1ULL << bit))
			assert_result(__vhc_set_features(&dev, 1ULL << bit), -EOPNOTSUPP);
	assert_result(__vhc_set_features(&dev, ~0ULL), -EOPNOTSUPP);
	assert_int_equal(vhc_get_features(&dev), offered);
}

static const uint64_t kernel_address = 0xffff888000000000ULL;

static void log_all_needs_a_log_while_running(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	assert_result(__vhc_set_log_base(&port.dev, kernel_address), 0);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL), -EFAULT);
	vhc_port_close(&port);
}

static void log_all_changes_while_running(const struct variant *variant)
{
	static char log[1 << 20];
	struct vhc_port port;

	set_up(&port, variant);
	vhc_set_log_base(&port.dev, (uintptr_t)log);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL), 0);
	assert_result(__vhc_set_features(&port.dev, port.features), 0);
	vhc_port_close(&port);
}

/* README: "features that change while a queue runs" */
static void other_features_wait_until_it_stops(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start(&port);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_MRG_RXBUF), -EBUSY);
	assert_result(__vhc_set_features(&port.dev, 0), -EBUSY);
	vhc_net_set_backend(&port.dev, VHC_RX, -1);
	assert_result(__vhc_set_features(&port.dev, 0), -EBUSY);
	vhc_net_set_backend(&port.dev, VHC_TX, -1);
	assert_result(__vhc_set_features(&port.dev, port.features | VHC_F_MRG_RXBUF), 0);
	vhc_port_close(&port);
}

static void backend_features_are_iotlb_msg_v2(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	uint64_t offered = vhc_get_backend_features(&dev);
	unsigned int bit;

	assert_int_equal(offered, 1ULL << VHOST_BACKEND_F_IOTLB_MSG_V2);
	assert_result(__vhc_set_backend_features(&dev, offered), 0);
	for (bit = 0; bit < 64; bit++)
		if (!(offered & 1ULL << bit))
			assert_result(__vhc_set_backend_features(&dev, 1ULL << bit), -EOPNOTSUPP);
}

/* ---- the owner ---- */

/* Each ioctl that only the owner may call, with an argument that is good otherwise. */
static void only_the_owner_may(const struct vhc_dev *dev)
{
	struct vhost_vring_addr addr = { .index = 0 };
	struct vhost_memory table = { .nregions = 0 };
	unsigned int value;

	assert_result(__vhc_reset_owner(dev), -EPERM);
	assert_result(__vhc_set_mem_table(dev, &table), -EPERM);
	assert_result(__vhc_set_log_base(dev, 0), -EPERM);
	assert_result(__vhc_set_log_fd(dev, -1), -EPERM);
	assert_result(__vhc_set_vring_num(dev, 0, 256), -EPERM);
	assert_result(__vhc_set_vring_addr(dev, &addr), -EPERM);
	assert_result(__vhc_set_vring_base(dev, 0, 0), -EPERM);
	assert_result(__vhc_get_vring_base(dev, 0, &value), -EPERM);
	assert_result(__vhc_set_vring_kick(dev, 0, -1), -EPERM);
	assert_result(__vhc_set_vring_call(dev, 0, -1), -EPERM);
	assert_result(__vhc_set_vring_err(dev, 0, -1), -EPERM);
	assert_result(__vhc_set_vring_busyloop_timeout(dev, 0, 0), -EPERM);
	assert_result(__vhc_get_vring_busyloop_timeout(dev, 0, &value), -EPERM);
	assert_result(__vhc_net_set_backend(dev, 0, -1), -EPERM);
}

static void without_owner_nothing_is_permitted(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);

	only_the_owner_may(&dev);
}

static void the_owner_is_checked_before_the_index(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);

	assert_result(__vhc_set_vring_num(&dev, 99, 0), -EPERM);
	assert_result(__vhc_net_set_backend(&dev, 99, BAD_FD), -EPERM);
}

static void a_second_owner_is_busy(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);

	assert_result(__vhc_set_owner(&dev), -EBUSY);
}

/* Runs a check in another process, which has the device open too. */
static void in_another_process(const struct vhc_dev *dev,
			       int (*check)(const struct vhc_dev *dev))
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(check(dev));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* 0, or the number of the first thing that is not as it should be */
static int is_a_stranger(const struct vhc_dev *dev)
{
	uint64_t features;

	if (__vhc_get_features(dev, &features))
		return 1;
	if (__vhc_set_vring_num(dev, 0, 256) != -EPERM)
		return 2;
	if (__vhc_net_set_backend(dev, 0, -1) != -EPERM)
		return 3;
	if (__vhc_reset_owner(dev) != -EPERM)
		return 4;
	if (__vhc_set_owner(dev) != -EBUSY)
		return 5;
	return 0;
}

static void another_process_is_no_owner(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);

	in_another_process(&dev, is_a_stranger);
	assert_result(__vhc_set_vring_num(&dev, 0, 256), 0);
}

static void after_reset_there_is_no_owner(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);

	assert_result(__vhc_reset_owner(&dev), 0);
	only_the_owner_may(&dev);
	assert_result(__vhc_set_owner(&dev), 0);
	assert_result(__vhc_set_vring_num(&dev, 0, 256), 0);
}

static void reset_forgets_memory_and_backends(const struct variant *variant)
{
	struct vhc_port port;
	unsigned int base;

	set_up(&port, variant);
	vhc_port_start(&port);
	assert_result(__vhc_reset_owner(&port.dev), 0);
	assert_result(__vhc_set_owner(&port.dev), 0);
	/* no memory: nothing can run */
	assert_result(__vhc_set_vring_num(&port.dev, 0, 256), 0);
	assert_result(__vhc_get_vring_base(&port.dev, 0, &base), 0);
	assert_int_equal(base, 0);
	vhc_port_close(&port);
}

static void files_are_independent(const struct variant *variant)
{
	struct vhc_dev one = owned(variant), two = owned(variant);

	vhc_set_vring_base(&one, 0, 1);
	vhc_set_vring_base(&two, 0, 2);
	vhc_close(&one);
	assert_int_equal(vhc_get_vring_base(&two, 0), 2);
}

/* ---- the index ---- */

static void all_refuse_index(const struct vhc_dev *dev, unsigned int index)
{
	struct vhost_vring_addr addr = { .index = index };
	unsigned int value;

	assert_result(__vhc_set_vring_num(dev, index, 256), -ENOBUFS);
	assert_result(__vhc_set_vring_addr(dev, &addr), -ENOBUFS);
	assert_result(__vhc_set_vring_base(dev, index, 0), -ENOBUFS);
	assert_result(__vhc_get_vring_base(dev, index, &value), -ENOBUFS);
	assert_result(__vhc_set_vring_kick(dev, index, -1), -ENOBUFS);
	assert_result(__vhc_set_vring_call(dev, index, -1), -ENOBUFS);
	assert_result(__vhc_set_vring_err(dev, index, -1), -ENOBUFS);
	assert_result(__vhc_set_vring_busyloop_timeout(dev, index, 0), -ENOBUFS);
	assert_result(__vhc_get_vring_busyloop_timeout(dev, index, &value), -ENOBUFS);
	assert_result(__vhc_net_set_backend(dev, index, -1), -ENOBUFS);
}

static void there_are_two_queues(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);

	all_refuse_index(&dev, 2);
	all_refuse_index(&dev, 0x80000000);
	all_refuse_index(&dev, 0xffffffff);
}

static void the_index_is_checked_before_the_rest(const struct variant *variant)
{
	struct vhost_vring_addr addr = { .index = 2, .flags = ~0U, .used_user_addr = 1 };
	struct vhc_dev dev = owned(variant);

	assert_result(__vhc_set_vring_num(&dev, 2, 0), -ENOBUFS);
	assert_result(__vhc_set_vring_addr(&dev, &addr), -ENOBUFS);
	assert_result(__vhc_set_vring_kick(&dev, 2, BAD_FD), -ENOBUFS);
	assert_result(__vhc_net_set_backend(&dev, 2, BAD_FD), -ENOBUFS);
}

/* ---- arguments that cannot be read ---- */

static void an_argument_that_cannot_be_read_is_a_fault(const struct variant *variant)
{
	static const unsigned long requests[] = {
		VHOST_GET_FEATURES, VHOST_SET_FEATURES, VHOST_GET_BACKEND_FEATURES,
		VHOST_SET_BACKEND_FEATURES, VHOST_SET_MEM_TABLE, VHOST_SET_LOG_BASE,
		VHOST_SET_LOG_FD, VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_BASE, VHOST_GET_VRING_BASE, VHOST_SET_VRING_KICK,
		VHOST_SET_VRING_CALL, VHOST_SET_VRING_ERR, VHOST_SET_VRING_BUSYLOOP_TIMEOUT,
		VHOST_GET_VRING_BUSYLOOP_TIMEOUT, VHOST_NET_SET_BACKEND,
	};
	struct vhc_dev dev = owned(variant);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(requests); i++)
		assert_result(__vhc_ioctl(&dev, requests[i], bad_pointer), -EFAULT);
}

/* The argument begins on a page that can be read and ends on one that cannot. */
static void half_an_argument_is_a_fault(const struct variant *variant)
{
	static const unsigned long requests[] = {
		VHOST_SET_FEATURES, VHOST_SET_VRING_NUM, VHOST_SET_VRING_ADDR,
		VHOST_SET_VRING_KICK, VHOST_NET_SET_BACKEND,
	};
	struct vhc_dev dev = owned(variant);
	long page = sysconf(_SC_PAGESIZE);
	unsigned int i;
	char *two;

	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(two, MAP_FAILED);
	assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
	for (i = 0; i < ARRAY_SIZE(requests); i++)
		assert_result(__vhc_ioctl(&dev, requests[i], two + page - 4), -EFAULT);
}

/* ---- rings ---- */

static void ring_sizes_are_powers_of_two_up_to_32768(const struct variant *variant)
{
	static const unsigned int bad[] = { 0, 3, 255, 257, 32767, 65535, 65536, 1U << 31 };
	struct vhc_dev dev = owned(variant);
	unsigned int i, size;

	for (size = 1; size <= 32768; size *= 2)
		assert_result(__vhc_set_vring_num(&dev, VHC_TX, size), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_result(__vhc_set_vring_num(&dev, VHC_TX, bad[i]), -EINVAL);
}

static void size_and_base_are_busy_while_running(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start_queue(&port, VHC_TX);
	assert_result(__vhc_set_vring_num(&port.dev, VHC_TX, 256), -EBUSY);
	assert_result(__vhc_set_vring_base(&port.dev, VHC_TX, 0), -EBUSY);
	assert_result(__vhc_set_vring_num(&port.dev, VHC_RX, 256), 0);
	assert_result(__vhc_set_vring_base(&port.dev, VHC_RX, 0), 0);
	vhc_port_close(&port);
}

static void misaligned_rings_are_invalid(const struct variant *variant)
{
	struct vhost_vring_addr good = { .index = 0 }, addr;
	struct vhc_port port;

	set_up(&port, variant);
	vhc_driver_addr(&port.queue[0].driver, &good);
	addr = good;
	addr.avail_user_addr += 1;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), -EINVAL);
	addr = good;
	addr.used_user_addr += 1;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), -EINVAL);
	addr.used_user_addr += 1;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), -EINVAL);
	addr = good;
	addr.log_guest_addr += 2;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), -EINVAL);
	assert_result(__vhc_set_vring_addr(&port.dev, &good), 0);
	vhc_port_close(&port);
}

static void unknown_address_flags_are_not_supported(const struct variant *variant)
{
	struct vhost_vring_addr addr = { .index = 0 };
	struct vhc_dev dev = owned(variant);
	unsigned int bit;

	for (bit = 1; bit < 32; bit++) {
		addr.flags = 1U << bit;
		assert_result(__vhc_set_vring_addr(&dev, &addr), -EOPNOTSUPP);
	}
}

static void a_ring_in_kernel_memory_never_runs(const struct variant *variant)
{
	struct vhost_vring_addr addr = { .index = VHC_TX };
	struct vhc_port port;

	set_up(&port, variant);
	vhc_driver_addr(&port.queue[VHC_TX].driver, &addr);
	addr.used_user_addr = kernel_address;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), -EFAULT);
	vhc_port_close(&port);
}

static void a_running_ring_does_not_move_to_kernel_memory(const struct variant *variant)
{
	struct vhost_vring_addr good = { .index = VHC_TX }, addr;
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start_queue(&port, VHC_TX);
	vhc_driver_addr(&port.queue[VHC_TX].driver, &good);
	addr = good;
	addr.desc_user_addr = kernel_address;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), -EINVAL);
	assert_result(__vhc_set_vring_addr(&port.dev, &good), 0);
	vhc_port_close(&port);
}

static void the_base_is_kept(const struct variant *variant)
{
	static const unsigned int bases[] = { 0, 1, 255, 256, 32768, 65535 };
	struct vhc_dev dev = owned(variant);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		vhc_set_vring_base(&dev, VHC_RX, bases[i]);
		vhc_set_vring_base(&dev, VHC_TX, 65535 - bases[i]);
		assert_int_equal(vhc_get_vring_base(&dev, VHC_RX), bases[i]);
		assert_int_equal(vhc_get_vring_base(&dev, VHC_TX), 65535 - bases[i]);
	}
	assert_result(__vhc_set_vring_base(&dev, VHC_RX, 65536), -EINVAL);
	assert_result(__vhc_set_vring_base(&dev, VHC_RX, ~0U), -EINVAL);
}

static void the_base_can_be_read_while_running(const struct variant *variant)
{
	struct vhc_port port;
	unsigned int base;

	set_up(&port, variant);
	vhc_port_start(&port);
	assert_result(__vhc_get_vring_base(&port.dev, VHC_TX, &base), 0);
	assert_int_equal(base, vhc_driver_base(&port.queue[VHC_TX].driver));
	vhc_port_close(&port);
}

static void the_busyloop_timeout_is_kept(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);

	assert_int_equal(vhc_get_vring_busyloop_timeout(&dev, VHC_RX), 0);
	vhc_set_vring_busyloop_timeout(&dev, VHC_RX, 50);
	vhc_set_vring_busyloop_timeout(&dev, VHC_TX, ~0U);
	assert_int_equal(vhc_get_vring_busyloop_timeout(&dev, VHC_RX), 50);
	assert_int_equal(vhc_get_vring_busyloop_timeout(&dev, VHC_TX), ~0U);
}

static void ring_endianness_is_unknown_here(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	unsigned int endian;

	assert_result(__vhc_set_vring_endian(&dev, 0, VHOST_VRING_LITTLE_ENDIAN), -ENOTTY);
	assert_result(__vhc_get_vring_endian(&dev, 0, &endian), -ENOTTY);
}

/* ---- eventfds ---- */

typedef int set_eventfd(const struct vhc_dev *dev, unsigned int index, int fd);

static void takes_eventfds_only(const struct variant *variant, set_eventfd *set)
{
	struct vhc_dev dev = owned(variant);
	int null = open_null(), event = eventfd(0, EFD_CLOEXEC);

	assert_result(set(&dev, 0, BAD_FD), -EBADF);
	assert_result(set(&dev, 0, -2), -EBADF);
	assert_result(set(&dev, 0, null), -EINVAL);
	assert_result(set(&dev, 0, dev.fd), -EINVAL);
	assert_result(set(&dev, 0, -1), 0);
	assert_result(set(&dev, 0, event), 0);
	assert_result(set(&dev, 0, event), 0);
	assert_result(set(&dev, 1, event), 0);
	assert_result(set(&dev, 0, -1), 0);
	assert_result(set(&dev, 0, -1), 0);
}

static void kick_is_an_eventfd_or_nothing(const struct variant *variant)
{
	takes_eventfds_only(variant, __vhc_set_vring_kick);
}

static void call_is_an_eventfd_or_nothing(const struct variant *variant)
{
	takes_eventfds_only(variant, __vhc_set_vring_call);
}

static void err_is_an_eventfd_or_nothing(const struct variant *variant)
{
	takes_eventfds_only(variant, __vhc_set_vring_err);
}

static void log_fd_is_an_eventfd_or_nothing(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	int null = open_null(), event = eventfd(0, EFD_CLOEXEC);

	assert_result(__vhc_set_log_fd(&dev, BAD_FD), -EBADF);
	assert_result(__vhc_set_log_fd(&dev, null), -EINVAL);
	assert_result(__vhc_set_log_fd(&dev, event), 0);
	assert_result(__vhc_set_log_fd(&dev, -1), 0);
}

static void eventfds_change_while_running(const struct variant *variant)
{
	int event = eventfd(0, EFD_CLOEXEC);
	struct vhc_port port;
	unsigned int i;

	set_up(&port, variant);
	vhc_port_start(&port);
	for (i = 0; i < 100; i++) {
		vhc_set_vring_call(&port.dev, VHC_TX, i % 2 ? event : -1);
		vhc_set_vring_kick(&port.dev, VHC_TX, i % 2 ? event : port.queue[VHC_TX].kick);
		vhc_set_vring_err(&port.dev, VHC_TX, i % 2 ? event : -1);
	}
	vhc_port_close(&port);
}

/* ---- memory ---- */

static struct vhost_memory *new_table(unsigned int regions)
{
	struct vhost_memory *table;
	unsigned int i;

	table = calloc(1, sizeof(*table) + regions * sizeof(table->regions[0]));
	assert_non_null(table);
	table->nregions = regions;
	for (i = 0; i < regions; i++) {
		table->regions[i].guest_phys_addr = i * 65536ULL;
		table->regions[i].memory_size = 65536;
		table->regions[i].userspace_addr = 0x10000000 + i * 65536ULL;
	}
	return table;
}

static void the_memory_table_holds_as_many_regions_as_vhost_says(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	unsigned int max = vhc_max_mem_regions();

	assert_result(__vhc_set_mem_table(&dev, new_table(0)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(1)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(max)), 0);
	assert_result(__vhc_set_mem_table(&dev, new_table(max + 1)), -E2BIG);
}

static void memory_padding_is_not_supported(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->padding = 1;
	assert_result(__vhc_set_mem_table(&dev, table), -EOPNOTSUPP);
}

static void empty_and_wrapping_regions_are_a_fault(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->regions[0].guest_phys_addr = 4096;
	table->regions[0].memory_size = 0;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
	table->regions[0].guest_phys_addr = ~0ULL - 4095;
	table->regions[0].memory_size = 8192;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
	table->regions[0].memory_size = 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void regions_may_overlap(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(2);

	table->regions[1].guest_phys_addr = 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void one_region_may_be_all_of_user_space(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct vhost_memory *table = new_table(1);

	table->regions[0].guest_phys_addr = 4096;
	table->regions[0].userspace_addr = 4096;
	table->regions[0].memory_size = 0x7ffffffff000ULL - 4096;
	assert_result(__vhc_set_mem_table(&dev, table), 0);
}

static void memory_of_the_kernel_is_a_fault_while_running(const struct variant *variant)
{
	struct vhost_memory *table = new_table(1);
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start(&port);
	table->regions[0].userspace_addr = kernel_address;
	assert_result(__vhc_set_mem_table(&port.dev, table), -EFAULT);
	vhc_port_close(&port);
}

static void a_memory_table_that_cannot_be_read_is_a_fault(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	long page = sysconf(_SC_PAGESIZE);
	struct vhost_memory *table;
	char *two;

	two = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(two, MAP_FAILED);
	assert_int_equal(mprotect(two + page, page, PROT_NONE), 0);
	table = (void *)(two + page - sizeof(*table));
	table->nregions = 1;
	assert_result(__vhc_set_mem_table(&dev, table), -EFAULT);
}

/* ---- backends ---- */

static void a_backend_needs_memory(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	int null = open_null();

	/* said before the file is looked at, and by vhost-net for -1 too */
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, null), -EFAULT);
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, BAD_FD), -EFAULT);
	assert_result(__vhc_net_set_backend(&dev, VHC_TX, -1),
		      variant->custom ? 0 : -EFAULT);	/* README: "`NET_SET_BACKEND` with fd -1" */
}

static void no_backend_never_fails(const struct variant *variant)
{
	struct vhc_port port;
	unsigned int i;

	set_up(&port, variant);
	for (i = 0; i < 100; i++) {
		assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, -1), 0);
		assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, -1), 0);
		if (i % 2)
			vhc_port_start(&port);
	}
	vhc_port_close(&port);
}

static void refused_as_backend(struct vhc_port *port, int fd)
{
	assert_result(__vhc_net_set_backend(&port->dev, VHC_TX, fd), -ENOTSOCK);
	if (fd >= 0 && fd != BAD_FD)
		close(fd);
}

static int new_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC, protocol);

	assert_true(fd >= 0);
	return fd;
}

static void only_taps_and_packet_sockets_are_backends(const struct variant *variant)
{
	struct vhc_port port;
	int pipes[2];

	set_up(&port, variant);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	refused_as_backend(&port, BAD_FD);
	refused_as_backend(&port, -2);
	refused_as_backend(&port, open_null());
	refused_as_backend(&port, eventfd(0, EFD_CLOEXEC));
	refused_as_backend(&port, pipes[0]);
	refused_as_backend(&port, opened(variant).fd);
	refused_as_backend(&port, new_socket(AF_INET, SOCK_DGRAM, 0));
	refused_as_backend(&port, new_socket(AF_INET, SOCK_RAW, IPPROTO_UDP));
	refused_as_backend(&port, new_socket(AF_UNIX, SOCK_STREAM, 0));
	refused_as_backend(&port, new_socket(AF_UNIX, SOCK_DGRAM, 0));
	refused_as_backend(&port, new_socket(AF_NETLINK, SOCK_RAW, 0));
	refused_as_backend(&port, new_socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL)));
	vhc_port_close(&port);
}

static void a_packet_socket_is_a_backend(const struct variant *variant)
{
	int sock = new_socket(AF_PACKET, SOCK_RAW, 0);
	struct vhc_port port;

	set_up(&port, variant);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, sock), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, sock), 0);
	vhc_port_close(&port);
}

static void a_tun_file_without_interface_is_invalid(const struct variant *variant)
{
	int tun = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	struct vhc_port port;

	assert_true(tun >= 0);
	set_up(&port, variant);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, tun), -EINVAL);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_port_close(&port);
}

static void a_backend_is_changed_and_set_twice(const struct variant *variant)
{
	struct vhc_port port;
	struct vhc_tap other;

	set_up(&port, variant);
	vhc_tap_create(&other, VHC_TAP, port.header_len, 100);
	vhc_port_start(&port);
	vhc_port_start(&port);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, other.fd), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_RX, other.fd), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_tap_destroy(&other);
	vhc_port_close(&port);
}

static void one_queue_alone_runs(const struct variant *variant)
{
	struct vhc_port port;

	set_up(&port, variant);
	vhc_port_start_queue(&port, VHC_TX);
	vhc_port_stop_queue(&port, VHC_TX);
	vhc_port_start_queue(&port, VHC_RX);
	vhc_port_close(&port);
}

/* ---- the log ---- */

static void the_log_base_is_accepted_before_rings(const struct variant *variant)
{
	static char log[4096];
	struct vhc_dev dev = owned(variant);

	assert_result(__vhc_set_log_base(&dev, (uintptr_t)log), 0);
}

static void a_log_in_kernel_memory_is_a_fault_while_running(const struct variant *variant)
{
	static char log[1 << 20];
	struct vhc_port port;

	set_up(&port, variant);
	vhc_set_log_base(&port.dev, (uintptr_t)log);
	vhc_set_features(&port.dev, port.features | VHC_F_LOG_ALL);
	vhc_port_start(&port);
	assert_result(__vhc_set_log_base(&port.dev, kernel_address), -EFAULT);
	assert_result(__vhc_set_log_base(&port.dev, (uintptr_t)log), 0);
	vhc_port_close(&port);
}

/* ---- what there is not ---- */

static void unknown_ioctls_are_no_ioctls(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	unsigned int index[16] = { 0 };

	assert_result(__vhc_ioctl(&dev, _IO(VHOST_VIRTIO, 0x7f), index), -ENOTTY);
	assert_result(__vhc_ioctl(&dev, _IO('X', 0x10), index), -ENOTTY);
	assert_result(__vhc_ioctl(&dev, _IOW(VHOST_VIRTIO, 0x10, int), index), -ENOTTY);
	assert_result(__vhc_ioctl(&dev, VHOST_VSOCK_SET_GUEST_CID, index), -ENOTTY);
}

/*
 * Both devices get the same ioctls in the same order, from the same fresh state: all
 * numbers, in all directions, with the usual sizes of an argument that is all zero.
 */
static void every_ioctl_number_answers_like_vhost_net(const struct variant *variant)
{
	static const unsigned int sizes[] = { 0, 1, 4, 8, 12, 16, 40 };
	const struct variant other = { .device = "/dev/vhost-net" };
	struct vhc_dev custom = owned(variant), net = owned(&other);
	unsigned long request, dir, nr, i;
	char one[256], two[256];
	int want, got;

	for (i = 0; i < 4 * 256 * ARRAY_SIZE(sizes); i++) {
		dir = i % 4;
		nr = i / 4 % 256;
		request = _IOC(dir, VHOST_VIRTIO, nr, sizes[i / 1024]);
		if (request == VHOST_CUSTOM_GET_STATS_FD ||
		    request == VHOST_CUSTOM_SET_MODERATION ||
		    request == VHOST_GET_FEATURES || request == VHOST_NEW_WORKER ||
		    request == VHOST_FREE_WORKER || request == VHOST_ATTACH_VRING_WORKER ||
		    request == VHOST_GET_VRING_WORKER || nr == 0x83)
			continue;	/* what differs, see README; 0x83 is FEATURES_ARRAY */
		memset(one, 0, sizeof(one));
		memset(two, 0, sizeof(two));
		want = __vhc_ioctl(&net, request, one);
		got = __vhc_ioctl(&custom, request, two);
		if (got != want)
			fail_msg("ioctl 0x%lx: %d (%s) of vhost-net, %d (%s) of ours", request,
				 want, strerror(-want), got, strerror(-got));
		assert_memory_equal(one, two, sizeof(one));
	}
}

/* ---- read, write, poll ---- */

static void a_short_read_is_empty(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	char buffer[sizeof(struct vhost_msg)];

	assert_int_equal(read(dev.fd, buffer, sizeof(buffer) - 1), 0);
}

static void a_read_without_iotlb_does_not_wait(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	char buffer[sizeof(struct vhost_msg)];

	assert_int_equal(read(dev.fd, buffer, sizeof(buffer)), -1);
	assert_int_equal(errno, EBADFD);
	assert_int_equal(fcntl(dev.fd, F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(read(dev.fd, buffer, sizeof(buffer)), -1);
	assert_int_equal(errno, EAGAIN);
}

static void a_message_of_unknown_type_is_invalid(const struct variant *variant)
{
	struct vhost_msg message = { .type = 0x77 };
	struct vhc_dev dev = owned(variant);

	assert_int_equal(write(dev.fd, &message, sizeof(message)), -1);
	assert_int_equal(errno, EINVAL);
	message.type = VHOST_IOTLB_MSG;
	assert_int_equal(write(dev.fd, &message, 8), -1);
	assert_int_equal(errno, EINVAL);
}

static void a_mapping_without_iotlb_is_a_fault(const struct variant *variant)
{
	struct vhost_msg message = {
		.type = VHOST_IOTLB_MSG,
		.iotlb = {
			.iova = 4096, .size = 4096, .uaddr = 4096,
			.perm = VHOST_ACCESS_RW, .type = VHOST_IOTLB_UPDATE,
		},
	};
	struct vhc_dev dev = owned(variant);

	assert_int_equal(write(dev.fd, &message, sizeof(message)), -1);
	assert_int_equal(errno, EFAULT);
}

static void there_is_nothing_to_read_at_first(const struct variant *variant)
{
	struct vhc_dev dev = owned(variant);
	struct pollfd fd = { .fd = dev.fd, .events = POLLIN };

	assert_int_equal(poll(&fd, 1, 0), 0);
}

/* ---- counters ---- */

static void counters_start_at_zero_and_need_no_owner(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	struct vhc_stats stats;
	unsigned int i, item, queue;

	for (queue = 0; queue < VHC_QUEUES; queue++) {
		vhc_stats_get(&dev, queue, &stats);
		assert_true(stats.header->num_desc > VHOST_CUSTOM_BAD_MAX);
		assert_non_null(strstr(stats.id, queue == VHC_RX ? "-rx" : "-tx"));
		for (i = 0; i < stats.header->num_desc; i++) {
			const struct kvm_stats_desc *desc = vhc_stats_desc(&stats, i);

			assert_true(desc->size > 0);
			assert_ptr_equal(vhc_stats_find(&stats, desc->name), desc);
			for (item = 0; item < desc->size; item++)
				assert_int_equal(vhc_stats_data(&stats, desc)[item], 0);
		}
		vhc_stats_free(&stats);
	}
}

static void counters_of_no_queue_are_refused(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);

	assert_result(__vhc_get_stats_fd(&dev, VHC_QUEUES), -ENOBUFS);
	assert_result(__vhc_get_stats_fd(&dev, ~0UL), -ENOBUFS);
}

static void counters_are_a_file_to_read(const struct variant *variant)
{
	struct vhc_dev dev = opened(variant);
	int fd = vhc_get_stats_fd(&dev, VHC_RX);
	char whole[8192], parts[8192];
	ssize_t size = read(fd, whole, sizeof(whole)), i;

	assert_in_range(size, 1000, sizeof(whole) - 1);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(fd, whole, 1), -1);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	for (i = 0; read(fd, parts + i, 1) == 1; i++)
		;
	assert_int_equal(i, size);
	assert_memory_equal(whole, parts, size);
	assert_int_equal(pread(fd, whole, sizeof(whole), size), 0);
	assert_int_equal(pread(fd, bad_pointer, size, 0), -1);
	assert_int_equal(errno, EFAULT);
	close(fd);
}

static const struct claim claims[] = {
	ON(ON_BOTH, features_of_the_vhost_core_are_offered),
	ON(ON_BOTH, each_offered_feature_is_accepted_without_owner),
	ON(ON_BOTH, each_other_feature_is_not_supported),
	RINGS(ON_BOTH, log_all_needs_a_log_while_running),
	RINGS(ON_BOTH, log_all_changes_while_running),
	RINGS(ON_VHOST_CUSTOM, other_features_wait_until_it_stops),
	ON(ON_BOTH, backend_features_are_iotlb_msg_v2),
	ON(ON_BOTH, without_owner_nothing_is_permitted),
	ON(ON_BOTH, the_owner_is_checked_before_the_index),
	ON(ON_BOTH, a_second_owner_is_busy),
	ON(ON_BOTH, another_process_is_no_owner),
	ON(ON_BOTH, after_reset_there_is_no_owner),
	RINGS(ON_BOTH, reset_forgets_memory_and_backends),
	ON(ON_BOTH, files_are_independent),
	ON(ON_BOTH, there_are_two_queues),
	ON(ON_BOTH, the_index_is_checked_before_the_rest),
	ON(ON_BOTH, an_argument_that_cannot_be_read_is_a_fault),
	ON(ON_BOTH, half_an_argument_is_a_fault),
	ON(ON_BOTH, ring_sizes_are_powers_of_two_up_to_32768),
	RINGS(ON_BOTH, size_and_base_are_busy_while_running),
	RINGS(ON_BOTH, misaligned_rings_are_invalid),
	ON(ON_BOTH, unknown_address_flags_are_not_supported),
	RINGS(ON_BOTH, a_ring_in_kernel_memory_never_runs),
	RINGS(ON_BOTH, a_running_ring_does_not_move_to_kernel_memory),
	ON(ON_BOTH, the_base_is_kept),
	RINGS(ON_BOTH, the_base_can_be_read_while_running),
	ON(ON_BOTH, the_busyloop_timeout_is_kept),
	ON(ON_BOTH, ring_endianness_is_unknown_here),
	ON(ON_BOTH, kick_is_an_eventfd_or_nothing),
	ON(ON_BOTH, call_is_an_eventfd_or_nothing),
	ON(ON_BOTH, err_is_an_eventfd_or_nothing),
	ON(ON_BOTH, log_fd_is_an_eventfd_or_nothing),
	RINGS(ON_BOTH, eventfds_change_while_running),
	ON(ON_BOTH, the_memory_table_holds_as_many_regions_as_vhost_says),
	ON(ON_BOTH, memory_padding_is_not_supported),
	ON(ON_BOTH, empty_and_wrapping_regions_are_a_fault),
	ON(ON_BOTH, regions_may_overlap),
	ON(ON_BOTH, one_region_may_be_all_of_user_space),
	RINGS(ON_BOTH, memory_of_the_kernel_is_a_fault_while_running),
	ON(ON_BOTH, a_memory_table_that_cannot_be_read_is_a_fault),
	ON(ON_BOTH, a_backend_needs_memory),
	RINGS(ON_BOTH, no_backend_never_fails),
	RINGS(ON_BOTH, only_taps_and_packet_sockets_are_backends),
	RINGS(ON_BOTH, a_packet_socket_is_a_backend),
	RINGS(ON_BOTH, a_tun_file_without_interface_is_invalid),
	RINGS(ON_BOTH, a_backend_is_changed_and_set_twice),
	RINGS(ON_BOTH, one_queue_alone_runs),
	ON(ON_BOTH, the_log_base_is_accepted_before_rings),
	RINGS(ON_BOTH, a_log_in_kernel_memory_is_a_fault_while_running),
	ON(ON_BOTH, unknown_ioctls_are_no_ioctls),
	ON(ON_VHOST_CUSTOM, every_ioctl_number_answers_like_vhost_net),
	ON(ON_BOTH, a_short_read_is_empty),
	ON(ON_BOTH, a_read_without_iotlb_does_not_wait),
	ON(ON_BOTH, a_message_of_unknown_type_is_invalid),
	ON(ON_BOTH, a_mapping_without_iotlb_is_a_fault),
	ON(ON_BOTH, there_is_nothing_to_read_at_first),
	ON(ON_VHOST_CUSTOM, counters_start_at_zero_and_need_no_owner),
	ON(ON_VHOST_CUSTOM, counters_of_no_queue_are_refused),
	ON(ON_VHOST_CUSTOM, counters_are_a_file_to_read),
};

int main(int argc, char **argv)
{
	claims_add(claims, ARRAY_SIZE(claims));
	claims_add(newer_claims, newer_claim_num);
	claims_add(packed_claims, packed_claim_num);
	return claims_main(argc, argv);
}
