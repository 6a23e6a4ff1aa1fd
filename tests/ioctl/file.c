// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the file itself: ioctls that there are not, read, write and poll.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "parts.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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

static const struct claim claims[] = {
	ON(ON_BOTH, unknown_ioctls_are_no_ioctls),
	ON(ON_VHOST_CUSTOM, every_ioctl_number_answers_like_vhost_net),
	ON(ON_BOTH, a_short_read_is_empty),
	ON(ON_BOTH, a_read_without_iotlb_does_not_wait),
	ON(ON_BOTH, a_message_of_unknown_type_is_invalid),
	ON(ON_BOTH, a_mapping_without_iotlb_is_a_fault),
	ON(ON_BOTH, there_is_nothing_to_read_at_first),
};

const struct part about_file = PART(claims);
