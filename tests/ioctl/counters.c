// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about counters: VHOST_CUSTOM_GET_STATS_FD.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "parts.h"
#include "stats.h"

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
	assert_int_equal(pread(fd, BAD_POINTER, size, 0), -1);
	assert_int_equal(errno, EFAULT);
	close(fd);
}

static const struct claim claims[] = {
	ON(ON_VHOST_CUSTOM, counters_start_at_zero_and_need_no_owner),
	ON(ON_VHOST_CUSTOM, counters_of_no_queue_are_refused),
	ON(ON_VHOST_CUSTOM, counters_are_a_file_to_read),
};

const struct part about_counters = PART(claims);
