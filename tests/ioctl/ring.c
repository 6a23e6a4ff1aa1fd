// SPDX-License-Identifier: GPL-2.0
/*
 * Claims about rings: size, base, addresses, and what cannot be changed while they run.
 *
 * Caller: ioctl-test.c.
 */
#include <errno.h>

#include "device.h"
#include "parts.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

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
	addr.used_user_addr = KERNEL_ADDRESS;
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
	addr.desc_user_addr = KERNEL_ADDRESS;
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

static const struct claim claims[] = {
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
};

const struct part about_ring = PART(claims);
