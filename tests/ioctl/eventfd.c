// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about eventfds: of the kick, the call, the error and the log.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <sys/eventfd.h>

#include "device.h"
#include "parts.h"

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

static const struct claim claims[] = {
	ON(ON_BOTH, kick_is_an_eventfd_or_nothing),
	ON(ON_BOTH, call_is_an_eventfd_or_nothing),
	ON(ON_BOTH, err_is_an_eventfd_or_nothing),
	ON(ON_BOTH, log_fd_is_an_eventfd_or_nothing),
	RINGS(ON_BOTH, eventfds_change_while_running),
};

const struct part about_eventfd = PART(claims);
