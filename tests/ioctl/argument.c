// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about arguments: a queue's index, and what cannot be read.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/mman.h>

#include "device.h"
#include "parts.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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
		assert_result(__vhc_ioctl(&dev, requests[i], BAD_POINTER), -EFAULT);
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

static const struct claim claims[] = {
	ON(ON_BOTH, there_are_two_queues),
	ON(ON_BOTH, the_index_is_checked_before_the_rest),
	ON(ON_BOTH, an_argument_that_cannot_be_read_is_a_fault),
	ON(ON_BOTH, half_an_argument_is_a_fault),
};

const struct part about_argument = PART(claims);
