// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about the ioctls that describe packed rings: what size, place and base they may have, and
 * when they are told so.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>

#include "parts.h"
#include "port.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { RING_SIZE = 256 };

static void set_up_sized(struct vhc_port *port, const struct variant *variant, unsigned int size)
{
	const struct vhc_port_config config = {
		.device = variant->device,
		.features = variant->features,
		.ring_size = size,
		.mem_size = 4 << 20,
	};

	vhc_port_open(port, &config);
}

static void packed_rings_have_any_size_up_to_32768(const struct variant *variant)
{
	static const unsigned int bad[] = { 0, 32769, 65535, 65536, 1U << 31, ~0U };
	struct vhc_dev dev;
	unsigned int i, size;

	vhc_open(&dev, variant->device);
	vhc_set_owner(&dev);
	vhc_set_features(&dev, variant->features);
	for (size = 1; size <= 32768; size += size / 7 + 1)
		assert_result(__vhc_set_vring_num(&dev, VHC_TX, size), 0);
	assert_result(__vhc_set_vring_num(&dev, VHC_TX, 32767), 0);
	assert_result(__vhc_set_vring_num(&dev, VHC_TX, 32768), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_result(__vhc_set_vring_num(&dev, VHC_TX, bad[i]), -EINVAL);
	assert_result(__vhc_set_vring_num(&dev, VHC_QUEUES, 100), -ENOBUFS);
	vhc_close(&dev);
}

static void an_odd_size_is_busy_while_running(const struct variant *variant)
{
	struct vhc_port port;

	set_up_sized(&port, variant, RING_SIZE);
	vhc_port_start_queue(&port, VHC_TX);
	assert_result(__vhc_set_vring_num(&port.dev, VHC_TX, 100), -EBUSY);
	assert_result(__vhc_set_vring_num(&port.dev, VHC_RX, 100), 0);
	vhc_port_close(&port);
}

/* The driver is another one, and wants split rings: not of the size of those before. */
static void a_split_ring_of_an_odd_size_never_runs(const struct variant *variant)
{
	struct vhc_port port;

	set_up_sized(&port, variant, 100);
	vhc_set_features(&port.dev, variant->features & ~VHC_F_RING_PACKED);
	vhc_set_vring_base(&port.dev, VHC_TX, 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), -EINVAL);
	assert_result(__vhc_set_vring_num(&port.dev, VHC_TX, 100), -EINVAL);
	vhc_set_vring_num(&port.dev, VHC_TX, 64);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_port_close(&port);
}

static void packed_rings_lie_on_16_bytes(const struct variant *variant)
{
	struct vhost_vring_addr addr = { .index = VHC_TX };
	struct vhc_port port;
	unsigned int offset;

	set_up_sized(&port, variant, RING_SIZE);
	vhc_driver_addr(&port.queue[VHC_TX].driver, &addr);
	for (offset = 1; offset < 16; offset++) {
		addr.desc_user_addr++;
		assert_result(__vhc_set_vring_addr(&port.dev, &addr), 0);
		assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), -EINVAL);
	}
	addr.desc_user_addr++;
	assert_result(__vhc_set_vring_addr(&port.dev, &addr), 0);
	assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
	vhc_port_close(&port);
}

/* Indexes of both sides, each with its wrap counter, whatever they are. */
static void both_sides_of_a_base_are_kept(const struct variant *variant)
{
	static const unsigned int bases[] = {
		0, 0x80008000, 0x80000000, 0x8000, 0x12345678, 0xffffffff, 0x80ff0000,
	};
	struct vhc_dev dev;
	unsigned int i;

	vhc_open(&dev, variant->device);
	vhc_set_owner(&dev);
	vhc_set_features(&dev, variant->features);
	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		vhc_set_vring_base(&dev, VHC_RX, bases[i]);
		vhc_set_vring_base(&dev, VHC_TX, ~bases[i]);
		assert_int_equal(vhc_get_vring_base(&dev, VHC_RX), bases[i]);
		assert_int_equal(vhc_get_vring_base(&dev, VHC_TX), ~bases[i]);
	}
	vhc_close(&dev);
}

/* The device cannot have taken more than there is, nor be where there is no descriptor. */
static void a_base_outside_of_the_ring_never_runs(const struct variant *variant)
{
	static const unsigned int good[] = {
		0x80008000, 0x00000000, 0x00ff00ff, 0x80ff80ff,	/* nothing is taken */
		0x80008001, 0x80ff0000, 0x80010001,		/* 1, 1, all */
	};
	static const unsigned int bad[] = {
		0x80008100, 0x81008000, 0xffff8000, 0x8000ffff,	/* beyond */
		0x80018000, 0x80000001, 0x80ff8000,		/* too many */
	};
	struct vhc_port port;
	unsigned int i;

	set_up_sized(&port, variant, RING_SIZE);
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		vhc_set_vring_base(&port.dev, VHC_TX, good[i]);
		assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), 0);
		vhc_net_set_backend(&port.dev, VHC_TX, -1);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		vhc_set_vring_base(&port.dev, VHC_TX, bad[i]);
		assert_result(__vhc_net_set_backend(&port.dev, VHC_TX, port.tap.fd), -EINVAL);
	}
	vhc_port_close(&port);
}

/* As VMMs say that know of the available side only: the device has nothing. */
static void a_base_of_one_side_means_both(const struct variant *variant)
{
	struct vhc_port port;

	set_up_sized(&port, variant, RING_SIZE);
	vhc_set_vring_base(&port.dev, VHC_TX, 0x8000);
	vhc_port_start_queue(&port, VHC_TX);
	assert_int_equal(vhc_port_stop_queue(&port, VHC_TX), 0x80008000);
	vhc_port_close(&port);
}

#define ABOUT(claim) OF(PACKED, ON_VHOST_CUSTOM, VHC_F_VERSION_1, 0, 0, claim)

/* README: "packed virtqueues" */
static const struct claim claims[] = {
	ABOUT(packed_rings_have_any_size_up_to_32768),
	ABOUT(an_odd_size_is_busy_while_running),
	ABOUT(a_split_ring_of_an_odd_size_never_runs),
	ABOUT(packed_rings_lie_on_16_bytes),
	ABOUT(both_sides_of_a_base_are_kept),
	ABOUT(a_base_outside_of_the_ring_never_runs),
	ABOUT(a_base_of_one_side_means_both),
};

const struct part about_packed = PART(claims);
