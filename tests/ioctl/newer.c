// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about ioctls that vhost-net has on newer kernels only, or not at all: arrays of
 * features, workers, and moderated signals. README has the differences.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"
#include "port.h"
#include "traffic.h"

enum { WORDS = 4, CANARY = 0x5a };

/* Fields of a struct vhost_features_array, with a word behind them. */
struct array {
	uint64_t count;
	uint64_t word[WORDS + 1];
};

static int get_array(const struct vhc_dev *dev, struct array *array, uint64_t count)
{
	memset(array, CANARY, sizeof(*array));
	array->count = count;
	return __vhc_ioctl(dev, VHOST_GET_FEATURES_ARRAY, array);
}

static void an_array_of_features_has_as_many_words_as_asked(const struct variant *variant)
{
	struct array array, untouched;
	struct vhc_dev dev;
	unsigned int count, i;

	vhc_open(&dev, variant->device);
	memset(&untouched, CANARY, sizeof(untouched));
	for (count = 0; count <= WORDS; count++) {
		assert_result(get_array(&dev, &array, count), 0);
		assert_int_equal(array.count, count);
		if (count)
			assert_int_equal(array.word[0], vhc_get_features(&dev));
		/* Of the second word, at most UDP tunnels: tests/data has these. */
		if (count > 1)
			assert_int_equal(array.word[1] & ~(1ULL << 1 | 1ULL << 3), 0);
		for (i = 2; i < count; i++)
			assert_int_equal(array.word[i], 0);
		for (; i <= WORDS; i++)
			if (i >= count)
				assert_int_equal(array.word[i], untouched.word[i]);
	}
}

static void an_array_of_features_is_set_like_one_word(const struct variant *variant)
{
	const uint64_t offered = VHC_F_VERSION_1 | VHC_F_EVENT_IDX;
	struct array array = { .count = 1, .word = { offered } };
	struct vhc_dev dev;
	unsigned int i;

	vhc_open(&dev, variant->device);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, &array), 0);
	array.count = 0;
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, &array), 0);
	array.count = WORDS;
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, &array), 0);
	for (i = 1; i < WORDS; i++) {
		memset(array.word + 1, 0, sizeof(array.word) - sizeof(array.word[0]));
		array.word[i] = 1;
		assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, &array), -EOPNOTSUPP);
	}
	array.count = 1;
	array.word[0] = ~vhc_get_features(&dev);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, &array), -EOPNOTSUPP);
}

/* vhost-net goes through as many words as it is told. */
static void an_array_of_features_is_bounded(const struct variant *variant)
{
	static uint64_t words[1 + 513];
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	words[0] = 512;
	assert_result(__vhc_ioctl(&dev, VHOST_GET_FEATURES_ARRAY, words), 0);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, words), 0);
	words[0] = 513;
	assert_result(__vhc_ioctl(&dev, VHOST_GET_FEATURES_ARRAY, words), -E2BIG);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, words), -E2BIG);
	words[0] = UINT64_MAX;
	assert_result(__vhc_ioctl(&dev, VHOST_GET_FEATURES_ARRAY, words), -E2BIG);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, words), -E2BIG);
}

static void an_array_that_cannot_be_read_is_a_fault(const struct variant *variant)
{
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	assert_result(__vhc_ioctl(&dev, VHOST_GET_FEATURES_ARRAY, (void *)8), -EFAULT);
	assert_result(__vhc_ioctl(&dev, VHOST_SET_FEATURES_ARRAY, (void *)8), -EFAULT);
}

/* Frames both ways. */
static void exchange(struct vhc_port *port)
{
	const struct vhc_traffic_config config = {
		.directions = 1 << VHC_RX | 1 << VHC_TX, .count = 500, .min = 60, .max = 1514,
		.segments = 1, .stall_ms = 10000,
	};
	struct vhc_traffic *traffic = vhc_traffic_open(port, &config);

	vhc_port_start(port);
	assert_true(vhc_traffic_run(traffic));
	vhc_traffic_close(traffic);
}

/* A queue gets another worker, also while it runs; without such ioctls, their errors. */
static void a_queue_gets_another_worker(const struct variant *variant)
{
	const struct vhc_port_config config = {
		.device = variant->device, .features = VHC_F_VERSION_1, .ring_size = 256,
	};
	unsigned int worker, first, now;
	struct vhc_port port;

	vhc_port_open(&port, &config);
	if (__vhc_new_worker(&port.dev, &worker) == -ENOTTY) {
		/* The core of this kernel has one worker for each device. */
		assert_result(__vhc_attach_vring_worker(&port.dev, VHC_RX, 0), -ENOTTY);
		assert_result(__vhc_get_vring_worker(&port.dev, 2, &now), -ENOBUFS);
		vhc_port_close(&port);
		return;
	}
	assert_result(__vhc_get_vring_worker(&port.dev, VHC_RX, &first), 0);
	assert_result(__vhc_get_vring_worker(&port.dev, VHC_TX, &now), 0);
	assert_int_not_equal(first, now);
	assert_result(__vhc_attach_vring_worker(&port.dev, VHC_RX, worker), 0);
	assert_result(__vhc_get_vring_worker(&port.dev, VHC_RX, &now), 0);
	assert_int_equal(now, worker);
	assert_result(__vhc_free_worker(&port.dev, worker), -EBUSY);
	exchange(&port);
	vhc_port_start(&port);
	assert_result(__vhc_attach_vring_worker(&port.dev, VHC_RX, first), 0);
	assert_result(__vhc_attach_vring_worker(&port.dev, VHC_TX, worker), 0);
	assert_result(__vhc_attach_vring_worker(&port.dev, VHC_TX, 12345), -ENODEV);
	vhc_port_stop(&port);
	vhc_port_close(&port);
}

static void only_an_owner_has_workers(const struct variant *variant)
{
	unsigned int worker = 0;
	struct vhc_dev dev;
	int result;

	vhc_open(&dev, variant->device);
	result = __vhc_new_worker(&dev, &worker);
	assert_true(result == -EINVAL || result == -EPERM);
}

static void moderation_needs_no_owner_and_has_limits(const struct variant *variant)
{
	struct vhost_custom_moderation odd = { .padding = 1 };
	unsigned int queue;
	struct vhc_dev dev;

	vhc_open(&dev, variant->device);
	for (queue = 0; queue < VHC_QUEUES; queue++) {
		assert_result(__vhc_set_moderation(&dev, queue, 0, 0), 0);
		assert_result(__vhc_set_moderation(&dev, queue, 0, 1), 0);
		assert_result(__vhc_set_moderation(&dev, queue, UINT32_MAX,
						   VHOST_CUSTOM_MODERATION_MAX), 0);
		assert_result(__vhc_set_moderation(&dev, queue, 0,
						   VHOST_CUSTOM_MODERATION_MAX + 1), -EINVAL);
		assert_result(__vhc_set_moderation(&dev, queue, 0, UINT32_MAX), -EINVAL);
		/* Nothing would ever make the last signal due. */
		assert_result(__vhc_set_moderation(&dev, queue, 1, 0), -EINVAL);
		odd.index = queue;
		assert_result(__vhc_ioctl(&dev, VHOST_CUSTOM_SET_MODERATION, &odd), -EINVAL);
	}
	assert_result(__vhc_set_moderation(&dev, VHC_QUEUES, 0, 0), -ENOBUFS);
	assert_result(__vhc_set_moderation(&dev, UINT32_MAX, 0, 0), -ENOBUFS);
	assert_result(__vhc_ioctl(&dev, VHOST_CUSTOM_SET_MODERATION, (void *)8), -EFAULT);
}

static const struct claim claims[] = {
	ON(ON_VHOST_CUSTOM, an_array_of_features_has_as_many_words_as_asked),
	ON(ON_VHOST_CUSTOM, an_array_of_features_is_set_like_one_word),
	ON(ON_VHOST_CUSTOM, an_array_of_features_is_bounded),
	ON(ON_VHOST_CUSTOM, an_array_that_cannot_be_read_is_a_fault),
	ON(ON_VHOST_CUSTOM, a_queue_gets_another_worker),
	ON(ON_VHOST_CUSTOM, only_an_owner_has_workers),
	ON(ON_VHOST_CUSTOM, moderation_needs_no_owner_and_has_limits),
};

const struct part about_newer = PART(claims);
