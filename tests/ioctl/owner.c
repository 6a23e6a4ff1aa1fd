// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the owner: who may do what, and what is left after VHOST_RESET_OWNER.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <unistd.h>
#include <sys/wait.h>

#include "device.h"
#include "parts.h"

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

static const struct claim claims[] = {
	ON(ON_BOTH, without_owner_nothing_is_permitted),
	ON(ON_BOTH, the_owner_is_checked_before_the_index),
	ON(ON_BOTH, a_second_owner_is_busy),
	ON(ON_BOTH, another_process_is_no_owner),
	ON(ON_BOTH, after_reset_there_is_no_owner),
	RINGS(ON_BOTH, reset_forgets_memory_and_backends),
	ON(ON_BOTH, files_are_independent),
};

const struct part about_owner = PART(claims);
